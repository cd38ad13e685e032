// Trains a text model, streams text of a model that Python has trained, and reads the sentence of an error.
//
//     stream model.safetensors [prompt]

#include <recurrent.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

/// A failed call: its status, and its sentence as what().
class Error : public std::runtime_error {
 public:
  explicit Error(recurrent_status status) : std::runtime_error(recurrent_last_error()), status(status) {}
  const recurrent_status status;
};

void check(recurrent_status status) {
  if (status != RECURRENT_OK) throw Error(status);
}

std::int64_t length(std::string_view text) { return static_cast<std::int64_t>(text.size()); }

/// A handle that is freed at the end of its scope.
template <recurrent_status (*free)(std::uint64_t)>
class Handle {
 public:
  /// Creates the object: `create` is a function of the library whose last argument receives the handle.
  template <typename Create, typename... Arguments>
  explicit Handle(Create create, const Arguments &...arguments) {
    check(create(arguments..., &value_));
  }
  Handle(Handle &&other) noexcept : value_(std::exchange(other.value_, 0)) {}
  Handle &operator=(Handle &&) = delete;
  ~Handle() { free(value_); }
  operator std::uint64_t() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

using Random = Handle<recurrent_random_free>;
using Optimizer = Handle<recurrent_optimizer_free>;
using Generator = Handle<recurrent_generator_free>;
using TextModel = Handle<recurrent_text_model_free>;

std::vector<std::int64_t> encode(const TextModel &model, std::string_view text) {
  std::vector<std::int64_t> tokens(text.size());
  std::int64_t count = 0;
  check(recurrent_text_model_encode(model, text.data(), length(text), RECURRENT_ERRORS_STRICT, 0, tokens.data(),
                                    static_cast<std::int64_t>(tokens.size()), &count));
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

TextModel train() {
  constexpr std::string_view text = "hello help", settings = R"({"cell": "lstm", "hidden_sizes": [20]})",
                             adam = R"({"name": "adam"})";
  const char *const texts[] = {text.data()};
  const std::int64_t lengths[] = {length(text)};
  const Random random(recurrent_random_create, 7);
  TextModel model(recurrent_text_model_create, settings.data(), length(settings), texts, lengths, 1, random);
  const Optimizer optimizer(recurrent_optimizer_create, adam.data(), length(adam));
  check(recurrent_text_model_set_optimizer(model, optimizer));
  const auto tokens = encode(model, text);
  recurrent_step_result result{};
  for (int step = 0; step < 100; ++step) {
    check(recurrent_text_model_reset_state(model));
    check(recurrent_text_model_train_step(model, tokens.data(), tokens.data() + 1, length(text) - 1, 1, nullptr, 0, 0,
                                          0.01, 0, 5,
                                          &result));
  }
  std::printf("loss %.6f\n", result.loss);
  std::fflush(stdout);
  return model;
}

void stream(std::string_view path, std::string_view prompt) {
  constexpr std::string_view settings = R"({"temperature": 0.8, "max_tokens": 120})";
  constexpr int part = 10;
  const TextModel model(recurrent_text_model_load, path.data(), length(path));
  const Random random(recurrent_random_create, 7);
  const Generator generator(recurrent_generator_create_text, model, settings.data(), length(settings), prompt.data(),
                            length(prompt), random);
  std::cout << prompt;
  std::array<char, 4 * (part + 64)> text;
  std::int64_t count = 0;
  for (std::int32_t has_ended = 0; !has_ended;) {
    check(recurrent_generator_next_characters(generator, part, text.data(), text.size(), &count, &has_ended));
    std::cout << std::string_view(text.data(), static_cast<std::size_t>(count)) << std::flush;
  }
  std::cout << '\n';
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    std::cerr << "usage: stream model.safetensors [prompt]\n";
    return 2;
  }
  try {
    const TextModel model = train();
    stream(argv[1], argc > 2 ? argv[2] : "");
    encode(model, "hexagon");
  } catch (const Error &error) {
    std::cout << "status " << error.status << ": " << error.what() << '\n';
  }
  return recurrent_object_count() == 0 ? 0 : 1;
}
