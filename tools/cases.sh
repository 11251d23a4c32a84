#!/usr/bin/env bash
# cases.sh [BUILD=build]: situations that people met with other programs, or with this one when it was younger, a line each: the
# tests that hold what should happen, and whether they pass. Fails when one does not, or when a case has no test any more.
set -uo pipefail
build=${1:-build} failed=0

case_() { # NAME REGEX...: of ctest's names
  local name=$1 regex out summary
  shift
  regex=$(IFS='|'; echo "$*")
  out=$(ctest --test-dir "$build" --no-tests=error -j2 -R "$regex" 2>&1) && summary="as it should be" || { summary=FAILS failed=1; }
  printf '%-20s %3d tests: %s\n' "$name" "$(grep -cE '^ *[0-9]+/[0-9]+ Test' <<<"$out")" "$summary"
}

case_ alpha io.Png.Transparency io.Png.Gamma
case_ jpeg-kinds io.Image.Exif io.Png.Orientation io.Image.UnknownContent io.Image.DecodesBaseline
case_ cgroup-quota '^base.Cgroup'
case_ cifar-files data.Cifar
case_ cli-odd cli.Newcomer cli.BadUsage cli.Places.InfoGoesOn
case_ data-gone cli.Places.MovedData cli.Places.ARelativePath EveryTasksData.Moves
case_ disk-full cli.BadOutput
case_ diverging cli.BadNumbers cli.Run.ARefusal cli.Run.AfterACheckpoint
case_ eval-other-classes cli.Places.ClassesThatChanged data.Picture.ClassesGoByName tasks.Bars.ClassesAreKnown
case_ events-files io.TensorBoard TellsTensorBoard
case_ hidden-files data.Folder.WhatIsRead data.Text.Marks data.DetectionFolder.Clutter data.InventoryOf.Neither
case_ idx-files data.Idx io.Idx
case_ links io.File.SymbolicLink EveryTasksData.Damage
case_ many-classes-print '^metrics.Confusion'
case_ npy-files io.Npy
case_ odd-names cli.Places.NamesOfAnyBytes train.Report.TextFromOutside data.Folder.ClassesOfAnyName
case_ out-links train.RunFolder.Places io.File.SymbolicLink
case_ perms data.Folder.FoldersThatCannot cli.BadOutput.Cannot cli.Places.AFolderThatWasRemoved io.File.Unwritable
case_ predict-skew tasks.Bars.PredictsWhatEvaluationSees
case_ prompts cli.LanguageModel tasks.Text.WrongPrompts
case_ restart-logs cli.Run.KilledBefore io.Jsonl
case_ resume-data EveryTasksData.IsSaid EveryTasksData.Eval cli.Places.Other cli.Contract.AResumedRun EveryTask.WhatContradicts
case_ short-training cli.Run.ARefusal train.RunFolder.WhatComes
case_ signals cli.Contract.SavesOn cli.Run.AClosed cli.Run.UnderNohup cli.Run.Progress cli.Run.ClosedDescriptors
case_ text-files data.Text tasks.Text.BytesTake tasks.Text.WrongTexts
case_ two-at-once cli.Run.ASecond cli.Run.WithoutAFolder train.RunFolder.OneProcess train.RunFolder.Numbered
case_ weights-files io.Safetensors cli.BadWeights train.Trainer
case_ accumulate '^compile.Gradients'
case_ seed '^compile.Generator'
case_ to_dtype compile.Key.AType nn.Module.ToChanges
case_ captured_rebound compile.Key.ACaptured '^compile.Retrace'
case_ replaced_child '^nn.Replace'
case_ many_shapes compile.Key.TheWarning compile.Key.Executables
case_ host_kernel_strides '^compile.HostKernel'
case_ other_loss optim.Step
case_ size '^ops.Sizes' ops.Undefined
exit $failed
