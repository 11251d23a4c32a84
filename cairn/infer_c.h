/* Runs trained models from C: opens a run, reads files as the training did, and computes on memory
 * that the caller owns. Link cairn::infer (libcairn_infer.so), which holds no training. From C++
 * use <cairn/infer.h>.
 *
 * One model is shared by any number of threads; each thread has contexts of its own. Every function
 * may be called from any thread, but one context by one thread at a time. Functions that can fail
 * return a status; the message is cairn_last_error() of the same thread. Text and handles that a
 * function gives live as long as what they came from; a context keeps its model alive. */
#ifndef CAIRN_INFER_C_H
#define CAIRN_INFER_C_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#define CAIRN_API __attribute__((visibility("default")))

typedef struct cairn_model cairn_model;
typedef struct cairn_context cairn_context;
typedef struct cairn_batch cairn_batch;

typedef enum cairn_status {
  CAIRN_OK = 0,
  CAIRN_WRONG_ARGUMENT = 1, /* NULL, an index or a size that cannot be */
  CAIRN_FAILED = 2, /* a file is missing or damaged, an index in the data is out of range, ... */
  CAIRN_OUT_OF_MEMORY = 3
} cairn_status;

typedef enum cairn_dtype {
  CAIRN_F32 = 0,
  CAIRN_F64 = 1,
  CAIRN_U8 = 7,
  CAIRN_I32 = 8,
  CAIRN_I64 = 9,
  CAIRN_BOOL = 10
} cairn_dtype;

enum { CAIRN_MOST_DIMENSIONS = 8, CAIRN_ANY_BATCH = -1, CAIRN_ANY_LENGTH = -2 };

typedef struct cairn_tensor_info {
  const char* name;
  cairn_dtype dtype;
  size_t rank;
  int64_t shape[CAIRN_MOST_DIMENSIONS]; /* of a model: CAIRN_ANY_BATCH, CAIRN_ANY_LENGTH where a
                                           context chooses */
  size_t bytes;                         /* row-major, without gaps; 0 while a size is open */
} cairn_tensor_info;

CAIRN_API const char* cairn_version(void);
CAIRN_API const char* cairn_last_error(void);

/* path: a run folder, or the model.safetensors of one. */
CAIRN_API cairn_status cairn_model_open(const char* path, cairn_model** model);
CAIRN_API void cairn_model_close(cairn_model* model);
CAIRN_API const char* cairn_model_task(const cairn_model* model);
CAIRN_API size_t cairn_model_inputs(const cairn_model* model);
CAIRN_API size_t cairn_model_outputs(const cairn_model* model);
CAIRN_API cairn_status cairn_model_input(const cairn_model* model, size_t index,
                                         cairn_tensor_info* info);
/* What the last axis of the first output counts; 0: no classes. NULL beyond the last. */
CAIRN_API size_t cairn_model_labels(const cairn_model* model);
CAIRN_API const char* cairn_model_label(const cairn_model* model, size_t index);

/* The inputs that a file becomes, prepared as in training: of a picture, a table, a text. */
CAIRN_API cairn_status cairn_model_read(cairn_model* model, const char* file, cairn_batch** batch);
CAIRN_API cairn_status cairn_batch_tensor(const cairn_batch* batch, size_t index,
                                          cairn_tensor_info* info, const void** data);
CAIRN_API void cairn_batch_free(cairn_batch* batch);

/* A context computes for one batch size (and length, where the model takes sequences; else it is
 * ignored). threads: 1 for the calling thread alone, 0 for all processors (contexts that run at
 * once then share them). */
CAIRN_API cairn_status cairn_context_new(cairn_model* model, int64_t batch, int64_t length,
                                         int threads, cairn_context** context);
CAIRN_API void cairn_context_free(cairn_context* context);
/* How many bytes it computes in. The caller lends them, and keeps them until it lends others or
 * frees the context. */
CAIRN_API size_t cairn_context_memory(const cairn_context* context);
CAIRN_API cairn_status cairn_context_lend(cairn_context* context, void* memory, size_t bytes);
CAIRN_API cairn_status cairn_context_input(const cairn_context* context, size_t index,
                                           cairn_tensor_info* info);
CAIRN_API cairn_status cairn_context_output(const cairn_context* context, size_t index,
                                            cairn_tensor_info* info);
/* Reads inputs[i] and writes outputs[i], info.bytes each. 64-byte aligned ones are not copied.
 * Allocates nothing. */
CAIRN_API cairn_status cairn_context_run(cairn_context* context, const void* const* inputs,
                                         void* const* outputs);

#ifdef __cplusplus
}
#endif
#endif
