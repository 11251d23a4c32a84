# cmake -DPREFIX=... -DSOURCE=... -DCOMPILER=... -DFOLDER=... -P pkg_config.cmake: a program by pkg-config alone.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(MAKE_DIRECTORY ${FOLDER})
run(bash -c "export PKG_CONFIG_PATH=$(dirname $(find ${PREFIX} -name cairn.pc))
             ${COMPILER} ${SOURCE} -o ${FOLDER}/program $(pkg-config --cflags --libs cairn)")
run(${FOLDER}/program)
message("${said}")
