// Loads a text model that was trained in Python, C or Swift, and generates text: the same text from the same seed.
//
//     generate model.safetensors [prompt]

import Foundation
import Recurrent

let arguments = CommandLine.arguments
guard arguments.count > 1 else {
  print("usage: generate model.safetensors [prompt]")
  exit(2)
}
let prompt = arguments.count > 2 ? arguments[2] : ""
do {
  let model = try TextModel.load(arguments[1])
  let generator = try Generator(model, prompt: prompt, Sampler(temperature: 0.8), random: Random(seed: 7))
  print(prompt + (try generator.nextText(120)))
} catch {
  print(error.description)
  exit(1)
}
