/* Tokenizers: two bytes of options, then a text that makes the vocabulary up to the first NUL, then one to encode. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *settings[] = {
      "{\"hidden_sizes\": [2]}",
      "{\"hidden_sizes\": [2], \"tokenizer\": \"bytes\", \"cell\": \"gru\", \"embedding\": 2}",
      "{\"hidden_sizes\": [2], \"tokenizer\": \"sentences\", \"cell\": \"rnn_relu\"}",
  };
  if (size < 2) return 0;
  const char *json = settings[data[0] % 3];
  recurrent_errors errors = data[0] / 3 % 4;
  uint32_t replacement = data[1];
  const uint8_t *end = memchr(data + 2, 0, size - 2);
  int64_t first = (end ? end : data + size) - (data + 2), second = size - 2 - first;
  char *vocabulary = malloc(first + 1), *text = malloc(second + 1);
  memcpy(vocabulary, data + 2, first), memcpy(text, data + 2 + first, second);
  int64_t before = (generator(), recurrent_object_count()), *tokens = malloc(8 * (second + 1)), count, length;
  char *decoded = malloc(4 * second + 1), *again = malloc(4 * second + 4 * 64 + 1);
  const char *texts[] = {vocabulary};
  recurrent_text_model model;
  if (recurrent_text_model_create(json, strlen(json), texts, &first, 1, generator(), &model) == RECURRENT_OK) {
    if (recurrent_text_model_encode(model, text, second, errors, replacement, tokens, second, &count) == RECURRENT_OK) {
      REQUIRE(count >= 0 && count <= second);
      REQUIRE(recurrent_text_model_decode(model, tokens, count, decoded, 4 * second, &length) == RECURRENT_OK);
      REQUIRE(errors != RECURRENT_ERRORS_STRICT || (length == second && memcmp(decoded, text, length) == 0));
    }
    recurrent_generator writer;
    if (recurrent_generator_create_text(model, NULL, 0, text, second, generator(), &writer) == RECURRENT_OK) {
      int32_t ended;
      if (second < 64) recurrent_generator_next_text(writer, second, again, 4 * second + 4 * 64, &length, &ended);
      REQUIRE(recurrent_generator_free(writer) == RECURRENT_OK);
    }
    recurrent_text_model_set_metadata(model, text, second, text, second);
    use(model);
  }
  free(vocabulary), free(text), free(tokens), free(decoded), free(again);
  REQUIRE(recurrent_object_count() == before);
  return 0;
}
