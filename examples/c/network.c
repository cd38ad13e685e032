// Trains a network on the graph: time steps recorded one by one, gradients of the scores set by the program, as in
// RecurrentJS, backward, an optimizer step. The network learns to output the previous symbol.

#include <recurrent.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void check(recurrent_status status) {
  if (status == RECURRENT_OK) return;
  fprintf(stderr, "recurrent: %s (status %" PRId32 ")\n", recurrent_last_error(), status);
  exit(1);
}

enum { SYMBOLS = 3, STEPS = 12 };

int main(void) {
  const char settings[] =
      "{\"cell\": \"lstm\", \"input_size\": 3, \"hidden_sizes\": [16], \"output_size\": 3, \"dtype\": \"float64\"}";
  const char recurrentjs[] = "{\"name\": \"recurrentjs\"}";
  recurrent_random random;
  recurrent_network network;
  recurrent_optimizer optimizer;
  recurrent_graph graph;
  check(recurrent_random_create(3, &random));
  check(recurrent_network_create(settings, sizeof settings - 1, random, &network));
  check(recurrent_optimizer_create(recurrentjs, sizeof recurrentjs - 1, &optimizer));
  check(recurrent_graph_create(1, &graph));

  // One column per symbol: the inputs of every sequence.
  recurrent_mat onehot[SYMBOLS];
  for (int s = 0; s < SYMBOLS; s++) {
    double column[SYMBOLS] = {0};
    column[s] = 1;
    check(recurrent_mat_create_from(RECURRENT_FLOAT64, SYMBOLS, 1, column, SYMBOLS, &onehot[s]));
  }

  double error = 1;
  for (int step = 0; step < 600; step++) {
    check(recurrent_graph_reset(graph));
    recurrent_mat h = 0, c = 0, scores[STEPS], old_h[STEPS], old_c[STEPS];
    int symbols[STEPS];
    for (int t = 0; t < STEPS; t++) {
      uint64_t word;
      check(recurrent_random_words(random, &word, 1));
      symbols[t] = (int)(word % SYMBOLS);
      recurrent_mat next_h, next_c;
      check(recurrent_network_forward(network, graph, onehot[symbols[t]], t ? &h : NULL, t ? &c : NULL, &next_h, &next_c,
                                      &scores[t]));
      old_h[t] = h = next_h;
      old_c[t] = c = next_c;
    }

    // The gradient of the cross-entropy: softmax, minus one at the previous symbol.
    int wrong = 0;
    for (int t = 1; t < STEPS; t++) {
      recurrent_mat p;
      void *w, *dw;
      int64_t guess;
      check(recurrent_softmax(scores[t], &p));
      check(recurrent_mat_w(p, &w));
      check(recurrent_mat_dw(scores[t], &dw));
      check(recurrent_argmax(RECURRENT_FLOAT64, w, SYMBOLS, &guess));
      wrong += guess != symbols[t - 1];
      for (int s = 0; s < SYMBOLS; s++) ((double *)dw)[s] = ((double *)w)[s] - (s == symbols[t - 1]);
      check(recurrent_mat_free(p));
    }
    check(recurrent_graph_backward(graph));

    recurrent_step_result done;
    check(recurrent_optimizer_step_network(optimizer, network, 0.01, 1e-6, 5, &done));
    error = 0.95 * error + 0.05 * wrong / (STEPS - 1);
    if (step % 100 == 0) printf("step %3d: error %.2f, gradient norm %.3f\n", step, error, done.gradient_norm);
    for (int t = 0; t < STEPS; t++) {
      check(recurrent_mat_free(scores[t]));
      check(recurrent_mat_free(old_h[t]));
      check(recurrent_mat_free(old_c[t]));
    }
  }
  printf("error at the end: %.3f\n", error);

  for (int s = 0; s < SYMBOLS; s++) check(recurrent_mat_free(onehot[s]));
  check(recurrent_graph_free(graph));
  check(recurrent_optimizer_free(optimizer));
  check(recurrent_network_free(network));
  check(recurrent_random_free(random));
  return recurrent_object_count() == 0 && error < 0.05 ? 0 : 1;
}
