/* RecurrentJS's JSON. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = file_of(data, size);
  int64_t before = (generator(), recurrent_object_count());
  for (recurrent_dtype dtype = RECURRENT_FLOAT32; dtype <= RECURRENT_FLOAT64; dtype++) {
    recurrent_text_model model = 0;
    double cost;
    if (recurrent_sentence_model_load(path, strlen(path), dtype, &model) == RECURRENT_OK) {
      recurrent_sentence_model_cost(model, "ab", 2, &cost, NULL);
      use(model);
    } else {
      REQUIRE(model == 0);
    }
  }
  REQUIRE(recurrent_object_count() == before);
  return 0;
}
