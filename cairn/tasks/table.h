// The table of tasks: to add one, write its folder, with kRow and kOpener in its namespace, and
// name it here (docs/adding-a-task.md).
#pragma once

#define CAIRN_TASKS(one)                                                                  \
  one(image_classification) one(language_model) one(image_gan) one(tabular) one(forecast) \
      one(anomaly_detection) one(object_detection) one(machine_translation)               \
          one(question_answering)
