// Trains RecurrentJS's sentence model on three sentences, saves it, loads it, and compares.
//
//     cc -std=c11 sentences.c -I ../../Sources/CRecurrent/include -L ../../.build/lib -lrecurrent -o sentences

#include <recurrent.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Every function that can fail returns a status; the message belongs to the thread.
static void check(recurrent_status status) {
  if (status == RECURRENT_OK) return;
  fprintf(stderr, "recurrent: %s (status %" PRId32 ")\n", recurrent_last_error(), status);
  exit(1);
}

enum { SENTENCES = 3, MAX_CHARACTERS = 60 };

static const char *const sentences[SENTENCES] = {
    "a river is never finished",
    "snow makes the street listen",
    "we tuned the radio to rain",
};

// Generates one sentence; without `random`, the most probable character each time.
static void generate(recurrent_text_model model, double temperature, recurrent_random random) {
  char settings[80], text[4 * (MAX_CHARACTERS + 64)];
  int64_t length;
  int32_t has_ended;
  recurrent_generator generator;
  snprintf(settings, sizeof settings, "{\"temperature\": %g, \"max_tokens\": %d}", temperature, MAX_CHARACTERS);
  check(recurrent_generator_create_text(model, settings, (int64_t)strlen(settings), "", 0, random, &generator));
  check(recurrent_generator_next_text(generator, MAX_CHARACTERS, text, sizeof text, &length, &has_ended));
  printf("  %.*s\n", (int)length, text);
  check(recurrent_generator_free(generator));
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "sentences.json";
  printf("recurrent %s, interface %" PRId32 "\n", recurrent_version(), recurrent_abi_version());
  if (recurrent_abi_version() != RECURRENT_ABI_VERSION) return 1;

  int64_t lengths[SENTENCES];
  for (int i = 0; i < SENTENCES; i++) lengths[i] = (int64_t)strlen(sentences[i]);
  const char settings[] = "{\"hidden_sizes\": [24]}";

  recurrent_random random;
  recurrent_text_model model;
  check(recurrent_random_create(7, &random));
  check(recurrent_sentence_model_create(settings, sizeof settings - 1, sentences, lengths, SENTENCES, random, &model));

  double perplexity = 0;
  for (int step = 0; step < 1500; step++) {
    const int i = step % SENTENCES;
    const double learning_rate = step < 1000 ? 0.01 : 0.002;
    check(recurrent_sentence_model_tick(model, sentences[i], lengths[i], learning_rate, 1e-6, 5, &perplexity, NULL));
    if (step % 300 == 0) printf("step %4d: perplexity %.3f\n", step, perplexity);
  }
  printf("the most probable sentence, then three at temperature 0.5:\n");
  generate(model, 1, 0);
  for (int i = 0; i < 3; i++) generate(model, 0.5, random);

  // A loaded model gives the same cost. 1: a file of an earlier run is replaced.
  recurrent_text_model loaded;
  double before, after;
  const int64_t path_length = (int64_t)strlen(path);
  check(recurrent_sentence_model_save(model, path, path_length, 1));
  check(recurrent_sentence_model_load(path, path_length, RECURRENT_FLOAT32, &loaded));
  check(recurrent_sentence_model_cost(model, sentences[0], lengths[0], &before, NULL));
  check(recurrent_sentence_model_cost(loaded, sentences[0], lengths[0], &after, NULL));
  printf("cost before and after loading: %.17g %.17g\n", before, after);

  // After a failure nothing has changed, and the message names the value.
  const recurrent_status status = recurrent_sentence_model_tick(model, "zebra", 5, 0.01, 1e-6, 5, NULL, NULL);
  printf("status %" PRId32 ": %s\n", status, recurrent_last_error());

  check(recurrent_text_model_free(loaded));
  check(recurrent_text_model_free(model));
  check(recurrent_random_free(random));
  if (recurrent_object_count() != 0 || before != after || perplexity > 1.5) return 1;
  return 0;
}
