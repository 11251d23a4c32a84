/* Names a picture with a trained run: example RUN PICTURE */
#include <cairn/infer_c.h>
#include <stdio.h>
#include <stdlib.h>

static void must(cairn_status status) {
  if (status == CAIRN_OK) return;
  fprintf(stderr, "%s\n", cairn_last_error());
  exit(1);
}

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "usage: example RUN PICTURE\n"), 2;
  cairn_model* model;
  must(cairn_model_open(argv[1], &model));
  cairn_batch* picture;
  must(cairn_model_read(model, argv[2], &picture));
  cairn_tensor_info in, out;
  const void* pixels;
  must(cairn_batch_tensor(picture, 0, &in, &pixels));

  cairn_context* context; /* one picture at a time, in this thread */
  must(cairn_context_new(model, 1, 1, 1, &context));
  const size_t bytes = cairn_context_memory(context);
  void* memory = malloc(bytes);
  must(cairn_context_lend(context, memory, bytes));
  must(cairn_context_output(context, 0, &out));
  float* p = malloc(out.bytes);
  must(cairn_context_run(context, &pixels, (void* const*)&p));

  size_t best = 0;
  for (size_t i = 1; i < out.bytes / sizeof(float); ++i)
    if (p[i] > p[best]) best = i;
  const char* label = cairn_model_label(model, best);
  printf("%s: %s %.1f %%\n", argv[2], label ? label : "?", 100 * p[best]);
  cairn_context_free(context);
  cairn_batch_free(picture);
  cairn_model_close(model);
  free(memory);
  free(p);
  return 0;
}
