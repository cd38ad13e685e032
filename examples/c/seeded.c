// The same seed gives the same bits in every language: prints the result of a short training run, a line for each
// dtype. The Swift and Python tests compare with the same lines (seeded.txt among the Swift fixtures).

#include <recurrent.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(recurrent_status status) {
  if (status == RECURRENT_OK) return;
  fprintf(stderr, "recurrent: %s (status %" PRId32 ")\n", recurrent_last_error(), status);
  exit(1);
}

// FNV-1a over bytes.
static uint64_t hash(const unsigned char *bytes, size_t count) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; i++) h = (h ^ bytes[i]) * 0x100000001b3u;
  return h;
}

static void run(const char *dtype, size_t size) {
  const char *const sentences[] = {"a river is never finished", "snow makes the street listen"};
  const int64_t lengths[] = {25, 28};
  const char limit[] = "{\"max_tokens\": 100}";
  recurrent_random random;
  recurrent_text_model model;
  recurrent_network network;
  recurrent_generator generator;
  recurrent_mat flat;
  recurrent_mat_info info;
  void *w;
  char settings[80], text[1024];
  int64_t length;
  int32_t has_ended;
  snprintf(settings, sizeof settings, "{\"hidden_sizes\": [20, 9], \"dtype\": \"%s\"}", dtype);
  check(recurrent_random_create(7, &random));
  check(recurrent_sentence_model_create(settings, (int64_t)strlen(settings), sentences, lengths, 2, random, &model));
  for (int i = 0; i < 200; i++)
    check(recurrent_sentence_model_tick(model, sentences[i % 2], lengths[i % 2], 0.01, 1e-6, 5, NULL, NULL));
  check(recurrent_text_model_network(model, &network));
  check(recurrent_network_flat(network, &flat));
  check(recurrent_mat_describe(flat, &info));
  check(recurrent_mat_w(flat, &w));
  check(recurrent_generator_create_text(model, limit, sizeof limit - 1, "", 0, random, &generator));
  check(recurrent_generator_next_text(generator, 100, text, sizeof text, &length, &has_ended));
  printf("%s %016" PRIx64 " %.*s\n", dtype, hash((const unsigned char *)w, (size_t)info.n * size), (int)length, text);
  check(recurrent_generator_free(generator));
  check(recurrent_mat_free(flat));
  check(recurrent_network_free(network));
  check(recurrent_text_model_free(model));
  check(recurrent_random_free(random));
}

int main(void) {
  run("float32", 4);
  run("float64", 8);
  return 0;
}
