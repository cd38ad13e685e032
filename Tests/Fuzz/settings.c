/* Settings and steps: the first byte, a digit, selects the function that reads the rest. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  /* of its own length: a byte read beyond it is found */
  char *json = malloc(size);
  memcpy(json, data + 1, size - 1);
  int64_t length = size - 1, before = (generator(), recurrent_object_count()), lengths[] = {3};
  const char *texts[] = {"aba"};
  recurrent_network network = 0;
  recurrent_optimizer optimizer = 0;
  recurrent_text_model model = 0;
  float scores[] = {1, 2, 3, 4}, probabilities[4];
  int64_t history[] = {0, 1};
  switch ((uint8_t)(data[0] - '0') % 7) {
  case 0:
    if (recurrent_network_create(json, length, generator(), &network) == RECURRENT_OK)
      REQUIRE(recurrent_network_free(network) == RECURRENT_OK);
    break;
  case 1:
    if (recurrent_optimizer_create(json, length, &optimizer) == RECURRENT_OK)
      REQUIRE(recurrent_optimizer_free(optimizer) == RECURRENT_OK);
    break;
  case 2:
    if (recurrent_text_model_create(json, length, texts, lengths, 1, generator(), &model) == RECURRENT_OK) use(model);
    break;
  case 3:
    if (recurrent_sentence_model_create(json, length, texts, lengths, 1, generator(), &model) == RECURRENT_OK)
      use(model);
    break;
  case 4:
    recurrent_probabilities(RECURRENT_FLOAT32, scores, 4, json, length, history, 2, probabilities);
    break;
  case 6: {
    static char text[1 << 20];
    int64_t count;
    recurrent_program program, again;
    if (recurrent_program_create(json, length, &program) != RECURRENT_OK) break;
    /* what is written is read again */
    if (recurrent_program_describe(program, text, sizeof text, &count) == RECURRENT_OK) {
      REQUIRE(recurrent_program_create(text, count, &again) == RECURRENT_OK);
      REQUIRE(recurrent_program_free(again) == RECURRENT_OK);
    }
    REQUIRE(recurrent_program_free(program) == RECURRENT_OK);
    break;
  }
  default: {
    static recurrent_text_model letters;
    static const char plain[] = "{\"hidden_sizes\": [3]}";
    recurrent_generator writer;
    if (!letters) {
      REQUIRE(recurrent_text_model_create(plain, sizeof plain - 1, texts, lengths, 1, generator(), &letters) == 0);
      before++;
    }
    if (recurrent_generator_create_text(letters, json, length, "ab", 2, generator(), &writer) == RECURRENT_OK) {
      char text[1024];
      int64_t count;
      int32_t ended;
      recurrent_generator_next_text(writer, 9, text, sizeof text, &count, &ended);
      REQUIRE(recurrent_generator_free(writer) == RECURRENT_OK);
    }
  }
  }
  free(json);
  REQUIRE(recurrent_object_count() == before);
  return 0;
}
