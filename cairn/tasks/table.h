// The table of tasks: to add one, write its folder, which defines kRow and kOpener in its
// namespace, and name it here (docs/adding-a-task.md).
#pragma once

#define CAIRN_TASKS(one)                                                                     \
  one(image_classification) one(language_model) one(image_gan) one(tabular) one(forecast)    \
      one(anomaly_detection) one(object_detection) one(machine_translation)                  \
          one(question_answering) one(text_classification) one(image_to_image)               \
              one(speech_recognition) one(summarization) one(image_generation) one(text_gan) \
                  one(video_classification) one(style_transfer) one(music_gan)

namespace cairn::tasks {
struct Opener;
struct Task;
#define CAIRN_DECLARE(task)    \
  namespace task {             \
  extern const Opener kOpener; \
  extern const Task kRow;      \
  }
CAIRN_TASKS(CAIRN_DECLARE)
#undef CAIRN_DECLARE
}  // namespace cairn::tasks
