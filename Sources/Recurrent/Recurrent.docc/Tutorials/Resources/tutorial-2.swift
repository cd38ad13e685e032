import Recurrent

let text = "tyger tyger, burning bright, in the forests of the night"
let model = try TextModel(.init(hiddenSizes: [32]), texts: [text], random: Random(seed: 1))
model.optimizer = try .adam(learningRate: 0.01)
