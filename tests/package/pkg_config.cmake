# cmake -DPREFIX=... -DSOURCE=... -DCOMPILER=... -DINFER_SOURCE=... -DFOLDER=... -P pkg_config.cmake: a program by pkg-config alone, and one in C of
# cairn-infer.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(MAKE_DIRECTORY ${FOLDER})
run(bash -c "export PKG_CONFIG_PATH=$(dirname $(find ${PREFIX} -name cairn.pc))
             ${COMPILER} ${SOURCE} -o ${FOLDER}/program $(pkg-config --cflags --libs cairn)")
run(${FOLDER}/program)
message("${said}")
run(bash -c "export PKG_CONFIG_PATH=$(dirname $(find ${PREFIX} -name cairn-infer.pc))
             cc ${INFER_SOURCE} -o ${FOLDER}/infer $(pkg-config --cflags --libs cairn-infer)
             LD_LIBRARY_PATH=$(pkg-config --variable=libdir cairn-infer) ${FOLDER}/infer ${FOLDER}/none no.png
             test $? = 1")
expect("${said}" "none")
