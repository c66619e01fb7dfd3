# Target comdml::zeromq: for programs that include comdml/comm/zeromq.hpp or zeromq_observer.hpp. Links libzmq. Defines
# COMDML_HAS_ZEROMQ.
add_library(comdml_zeromq INTERFACE)
add_library(comdml::zeromq ALIAS comdml_zeromq)
target_compile_definitions(comdml_zeromq INTERFACE COMDML_HAS_ZEROMQ)
target_link_libraries(comdml_zeromq INTERFACE comdml::comdml ComdmlZeromq::ComdmlZeromq)
