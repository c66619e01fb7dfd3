# Finds libzmq and cppzmq's header, and gives them as the imported target ComdmlZeromq::ComdmlZeromq. By hand: cppzmq's own
# package finds libzmq by CMake or by pkg-config, as it was built, and ends the configuration where it does not.
find_path(COMDML_CPPZMQ_INCLUDE_DIR NAMES zmq.hpp)
find_library(COMDML_ZMQ_LIBRARY NAMES zmq)
mark_as_advanced(COMDML_CPPZMQ_INCLUDE_DIR COMDML_ZMQ_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ComdmlZeromq
  REQUIRED_VARS COMDML_ZMQ_LIBRARY COMDML_CPPZMQ_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "On Debian: apt-get install libzmq3-dev cppzmq-dev"
)

if(ComdmlZeromq_FOUND AND NOT TARGET ComdmlZeromq::ComdmlZeromq)
  add_library(ComdmlZeromq::ComdmlZeromq INTERFACE IMPORTED)
  target_include_directories(ComdmlZeromq::ComdmlZeromq INTERFACE "${COMDML_CPPZMQ_INCLUDE_DIR}")
  target_link_libraries(ComdmlZeromq::ComdmlZeromq INTERFACE "${COMDML_ZMQ_LIBRARY}")
endif()
