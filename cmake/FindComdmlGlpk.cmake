# Finds GLPK, for which Debian has no CMake package, and gives it as the imported target ComdmlGlpk::ComdmlGlpk.
find_path(COMDML_GLPK_INCLUDE_DIR NAMES glpk.h)
find_library(COMDML_GLPK_LIBRARY NAMES glpk)
mark_as_advanced(COMDML_GLPK_INCLUDE_DIR COMDML_GLPK_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ComdmlGlpk
  REQUIRED_VARS COMDML_GLPK_LIBRARY COMDML_GLPK_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "On Debian: apt-get install libglpk-dev"
)

if(ComdmlGlpk_FOUND AND NOT TARGET ComdmlGlpk::ComdmlGlpk)
  add_library(ComdmlGlpk::ComdmlGlpk INTERFACE IMPORTED)
  target_include_directories(ComdmlGlpk::ComdmlGlpk INTERFACE "${COMDML_GLPK_INCLUDE_DIR}")
  target_link_libraries(ComdmlGlpk::ComdmlGlpk INTERFACE "${COMDML_GLPK_LIBRARY}")
endif()
