// The same seed gives the same bits in every language: prints what a short training run comes to, a line for each
// type. The Swift and Python tests hold themselves to the same lines (seeded.txt among the Swift fixtures).

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

static void run(recurrent_dtype dtype, size_t size) {
  const char *const sentences[] = {"a river is never finished", "snow makes the street listen"};
  const int64_t lengths[] = {25, 28}, hidden[] = {20, 9};
  recurrent_random random;
  recurrent_sentence_model model;
  recurrent_model network;
  recurrent_mat flat;
  recurrent_mat_info info;
  void *w;
  char text[4 * 100];
  int64_t length;
  check(recurrent_random_create(7, &random));
  check(recurrent_sentence_model_create(sentences, lengths, 2, RECURRENT_LSTM, dtype, hidden, 2, 5, random, &model));
  for (int i = 0; i < 200; i++)
    check(recurrent_sentence_model_tick(model, sentences[i % 2], lengths[i % 2], 0.01, 1e-6, 5, NULL));
  check(recurrent_sentence_model_network(model, &network));
  check(recurrent_model_flat(network, &flat));
  check(recurrent_mat_describe(flat, &info));
  check(recurrent_mat_w(flat, &w));
  check(recurrent_sentence_model_predict(model, 1.0, 100, random, text, sizeof text, &length));
  printf("%s %016" PRIx64 " %.*s\n", size == 4 ? "float32" : "float64",
         hash((const unsigned char *)w, (size_t)info.n * size), (int)length, text);
  check(recurrent_mat_free(flat));
  check(recurrent_model_free(network));
  check(recurrent_sentence_model_free(model));
  check(recurrent_random_free(random));
}

int main(void) {
  run(RECURRENT_FLOAT32, 4);
  run(RECURRENT_FLOAT64, 8);
  return 0;
}
