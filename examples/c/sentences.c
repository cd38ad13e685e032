// Learns three sentences letter by letter, saves the model, loads it, and goes on.
//
//     cc -std=c11 sentences.c -I ../../Sources/CRecurrent/include -L ../../.build/lib -lrecurrent -o sentences

#include <recurrent.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Every function returns a status; the sentence that explains it belongs to the thread.
static void check(recurrent_status status) {
  if (status == RECURRENT_OK) return;
  fprintf(stderr, "recurrent: %s (status %" PRId32 ")\n", recurrent_last_error(), status);
  exit(1);
}

enum { SENTENCES = 3, MAX_LETTERS = 60 };

static const char *const sentences[SENTENCES] = {
    "a river is never finished",
    "snow makes the street listen",
    "we tuned the radio to rain",
};

static void write_sentence(recurrent_sentence_model model, double temperature, recurrent_random random) {
  char text[4 * MAX_LETTERS];
  int64_t length;
  check(recurrent_sentence_model_predict(model, temperature, MAX_LETTERS, random, text, sizeof text, &length));
  printf("  %.*s\n", (int)length, text);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "sentences.json";
  printf("recurrent %s, interface %" PRId32 "\n", recurrent_version(), recurrent_abi_version());
  if (recurrent_abi_version() != RECURRENT_ABI_VERSION) return 1;

  int64_t lengths[SENTENCES];
  for (int i = 0; i < SENTENCES; i++) lengths[i] = (int64_t)strlen(sentences[i]);
  const int64_t hidden[] = {24};

  recurrent_random random;
  recurrent_sentence_model model;
  check(recurrent_random_create(7, &random));
  check(recurrent_sentence_model_create(sentences, lengths, SENTENCES, RECURRENT_LSTM, RECURRENT_FLOAT32, hidden, 1, 5,
                                        random, &model));

  recurrent_tick tick;
  tick.perplexity = 0;
  for (int step = 0; step < 1500; step++) {
    const int i = step % SENTENCES;
    const double rate = step < 1000 ? 0.01 : 0.002;
    check(recurrent_sentence_model_tick(model, sentences[i], lengths[i], rate, 1e-6, 5, &tick));
    if (step % 300 == 0) printf("tick %4d: perplexity %.3f\n", step, tick.perplexity);
  }
  printf("the likeliest sentence, then three at temperature 0.5:\n");
  write_sentence(model, 1, 0);
  for (int i = 0; i < 3; i++) write_sentence(model, 0.5, random);

  // A model goes on where it stopped: save, load, and the same sentence costs the same.
  recurrent_sentence_model again;
  recurrent_cost before, after;
  const int64_t path_length = (int64_t)strlen(path);
  check(recurrent_sentence_model_save_recurrentjs(model, path, path_length));
  check(recurrent_sentence_model_load_recurrentjs(path, path_length, RECURRENT_FLOAT32, &again));
  check(recurrent_sentence_model_cost(model, sentences[0], lengths[0], &before));
  check(recurrent_sentence_model_cost(again, sentences[0], lengths[0], &after));
  printf("cost before and after loading: %.17g %.17g\n", before.cost, after.cost);

  // What a mistake looks like: nothing has changed, and the message names it.
  const recurrent_status status = recurrent_sentence_model_tick(model, "zebra", 5, 0.01, 1e-6, 5, NULL);
  printf("status %" PRId32 ": %s\n", status, recurrent_last_error());

  check(recurrent_sentence_model_free(again));
  check(recurrent_sentence_model_free(model));
  check(recurrent_random_free(random));
  if (recurrent_object_count() != 0 || before.cost != after.cost || tick.perplexity > 1.5) return 1;
  return 0;
}
