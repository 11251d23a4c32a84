# What `cmake --install` puts where, and the Debian package of it (cpack --config build/CPackConfig.cmake).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS cairn RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS cairn_core EXPORT cairn ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY cairn/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cairn FILES_MATCHING PATTERN "*.h"
        PATTERN backend EXCLUDE PATTERN bench EXCLUDE PATTERN cli EXCLUDE PATTERN infer EXCLUDE PATTERN serve EXCLUDE PATTERN tour EXCLUDE)
install(TARGETS cairn_serve LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/cairn)
install(TARGETS cairn_infer EXPORT infer LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
set(CAIRN_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)
install(EXPORT cairn NAMESPACE cairn:: FILE cairn-targets.cmake DESTINATION ${CAIRN_CMAKE_FOLDER})
install(EXPORT infer NAMESPACE cairn:: FILE infer-targets.cmake DESTINATION ${CAIRN_CMAKE_FOLDER})

# What cairn::cairn links is found again there: PACKAGE::TARGET by its package, PkgConfig::NAME by NAME's module.
get_target_property(linked cairn_core LINK_LIBRARIES)
set(CAIRN_PACKAGES "")
set(CAIRN_MODULES "")
set(CAIRN_MODULE_NAMES "")
foreach(library ${linked})
  if(library MATCHES "^PkgConfig::(.*)")
    string(APPEND CAIRN_MODULES "pkg_check_modules(${CMAKE_MATCH_1} REQUIRED IMPORTED_TARGET ${${CMAKE_MATCH_1}_MODULE_NAME})\n")
    string(APPEND CAIRN_MODULE_NAMES " ${${CMAKE_MATCH_1}_MODULE_NAME}")
  elseif(library MATCHES "^([A-Za-z0-9_]+)::")
    string(APPEND CAIRN_PACKAGES "find_dependency(${CMAKE_MATCH_1})\n")
  endif()
endforeach()
set(CAIRN_FIND_DNNL "")
set(CAIRN_DNNL_FLAGS "")
set(CAIRN_DNNL_PACKAGE "")
if(CAIRN_ONEDNN)
  get_filename_component(folder ${DNNL_LIBRARY} DIRECTORY)
  set(CAIRN_FIND_DNNL "  find_library(CAIRN_DNNL_LIBRARY dnnl HINTS ${folder} REQUIRED)
  if(NOT TARGET cairn::dnnl)
    add_library(cairn::dnnl UNKNOWN IMPORTED)
    set_target_properties(cairn::dnnl PROPERTIES IMPORTED_LOCATION \${CAIRN_DNNL_LIBRARY})
  endif()
")
  set(CAIRN_DNNL_FLAGS " -ldnnl -fopenmp")
  set(CAIRN_DNNL_PACKAGE "libdnnl-dev, ")
endif()
configure_package_config_file(cmake/cairn-config.cmake.in ${PROJECT_BINARY_DIR}/cmake/cairn-config.cmake
                              INSTALL_DESTINATION ${CAIRN_CMAKE_FOLDER} NO_SET_AND_CHECK_MACRO
                              NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/cairn-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/cairn-config.cmake ${PROJECT_BINARY_DIR}/cmake/cairn-config-version.cmake
        DESTINATION ${CAIRN_CMAKE_FOLDER})

# The prefix is known when it is installed; the manual and the completion are written by the program itself.
install(CODE "
  set(PROJECT_VERSION ${PROJECT_VERSION})
  set(LIBDIR ${CMAKE_INSTALL_LIBDIR})
  set(INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
  set(MODULES \"${CAIRN_MODULE_NAMES}\")
  set(DNNL_FLAGS \"${CAIRN_DNNL_FLAGS}\")
  set(ROOT \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX})
  foreach(file cairn cairn-infer)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/\${file}.pc.in \${ROOT}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/\${file}.pc @ONLY)
  endforeach()
  if(NOT \"${CMAKE_CROSSCOMPILING}\" STREQUAL TRUE)
    file(MAKE_DIRECTORY \${ROOT}/${CMAKE_INSTALL_MANDIR}/man1 \${ROOT}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    execute_process(COMMAND $<TARGET_FILE:cairn> man OUTPUT_FILE \${ROOT}/${CMAKE_INSTALL_MANDIR}/man1/cairn.1
                    COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND $<TARGET_FILE:cairn> completion COMMAND_ERROR_IS_FATAL ANY
                    OUTPUT_FILE \${ROOT}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions/cairn)
  endif()")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The authors of Cairn <cairn@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "deep-learning engine in C++ and the program that trains with it")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
execute_process(COMMAND dpkg-query -W -f "\${Package}" libicu72 libicu74 libicu76 OUTPUT_VARIABLE ICU_PACKAGE ERROR_QUIET)
set(CPACK_DEBIAN_PACKAGE_DEPENDS  # what is opened at its first use (base/library.h)
    "liblapack3 | liblapack.so.3, ${ICU_PACKAGE}, libgif7, libsndfile1, libsoxr0, libtiff6, libwebp7, libwebpdemux2")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libavformat59, libswscale6")  # videos
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS  # to build programs with it
    "g++, pkg-config, ${CAIRN_DNNL_PACKAGE}libhwy-dev, libfmt-dev, nlohmann-json3-dev, zlib1g-dev, libpng-dev, libjpeg-dev, libpcre2-dev, libpugixml-dev, libkissfft-dev, libprotobuf-dev, libhowardhinnant-date-dev")
include(CPack)
