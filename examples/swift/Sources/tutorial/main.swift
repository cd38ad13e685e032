import Recurrent

let text = "tyger tyger, burning bright, in the forests of the night"
let model = try TextModel(.init(hiddenSizes: [32]), texts: [text], random: Random(seed: 1))
model.optimizer = try .adam(learningRate: 0.01)

let tokens = try model.tokenizer.encode(text)
for step in 1...150 {
  model.resetState()
  let input = tokens.span.extracting(droppingLast: 1), target = tokens.span.extracting(droppingFirst: 1)
  let result = try model.trainStep(input, target, T: input.count, B: 1, clip: 5)
  if step % 50 == 0 { print("step \(step), loss \(Float(result.loss))") }
}

let prompt = "ty"
let generator = try Generator(model, prompt: prompt, Sampler(), .init(maxTokens: 54), random: nil)
print(prompt, terminator: "")
while !generator.hasEnded { print(try generator.nextText(10), terminator: "") }
print()

try model.save("tyger.safetensors", overwrite: true)
let twin = try TextModel.load("tyger.safetensors")
print(twin.step, try twin.evaluate(tokens.span) < 0.1)

do {
  _ = try model.tokenizer.encode("lamb")
} catch {
  print(error)
}
