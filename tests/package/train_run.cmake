# cmake -DPREFIX=... -DFOLDER=... -P train_run.cmake: a short training by the installed program, and pictures to try it on.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
run(${PREFIX}/bin/cairn train image-classification --steps 40 --batch 32 --eval-every 40 --out ${FOLDER}/run)
run(${PREFIX}/bin/cairn sample image-classification --out ${FOLDER}/pictures)
