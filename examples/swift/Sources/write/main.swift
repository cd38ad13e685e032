// Loads a text model that was trained in Python, C or Swift, and writes with it: the same text for the same seed.
//
//     write model.safetensors [prime]

import Foundation
import Recurrent

let arguments = CommandLine.arguments
guard arguments.count > 1 else {
  print("usage: write model.safetensors [prime]")
  exit(2)
}
let prime = arguments.count > 2 ? arguments[2] : ""
do {
  let model = try TextModel.load(arguments[1])
  print(prime + (try model.sample(prime: prime, count: 120, Sampler(temperature: 0.8), Random(seed: 7))))
} catch {
  print(error.description)
  exit(1)
}
