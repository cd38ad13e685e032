/* Checkpoints of text models and of networks, from files and from memory. The checksum of a file that has the place for one is corrected, or no change would pass it. */
#include "fuzz.h"

static uint64_t crc64(const uint8_t *data, size_t size) {
  uint64_t crc = ~0ull;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xC96C5795D7870F42ull : crc >> 1;
  }
  return ~crc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char opening[] = "{\"__metadata__\":{\"crc64\":\"";
  size_t digits = 8 + sizeof opening - 1;
  uint8_t *copy = malloc(size + 1);
  char text[17];
  memcpy(copy, data, size);
  if (size >= digits + 16 && memcmp(copy + 8, opening, sizeof opening - 1) == 0) {
    memset(copy + digits, '0', 16);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)crc64(copy, size));
    memcpy(copy + digits, text, 16);
  }
  const char *path = file_of(copy, size);
  int64_t before = (generator(), recurrent_object_count());
  recurrent_text_model model = 0;
  if (recurrent_text_model_load(path, strlen(path), &model) == RECURRENT_OK) use(model);
  else REQUIRE(model == 0);
  recurrent_network network = 0;
  recurrent_optimizer optimizer = 0;
  recurrent_random random = 0;
  recurrent_status status = recurrent_network_load(path, (int64_t)strlen(path), &network, &optimizer, &random);
  if (status == RECURRENT_OK) {
    recurrent_network again = 0;
    REQUIRE(recurrent_network_read((const char *)copy, (int64_t)size, &again, NULL, NULL) == RECURRENT_OK);
    REQUIRE(recurrent_network_save(again, 0, random, path, (int64_t)strlen(path), 1) == RECURRENT_OK);
    recurrent_network_free(again);
    recurrent_network_free(network);
    recurrent_optimizer_free(optimizer);
    recurrent_random_free(random);
  } else {
    REQUIRE(network == 0 && optimizer == 0 && random == 0);
  }
  free(copy);
  REQUIRE(recurrent_object_count() == before);
  return 0;
}
