# cmake -DPREFIX=... -DSOURCE=... -DFOLDER=... -DGENERATOR=... -P example.cmake: builds a project against what is
# installed under PREFIX, with nothing else said, and runs it in FOLDER with ARGUMENTS.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(MAKE_DIRECTORY ${FOLDER})
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${FOLDER}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${PREFIX} -DCMAKE_BUILD_TYPE=Release ${MORE})
run(${CMAKE_COMMAND} --build ${FOLDER}/build)
run(${CMAKE_COMMAND} -E chdir ${FOLDER} ${FOLDER}/build/example ${ARGUMENTS})
message("${said}")
