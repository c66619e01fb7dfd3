# Target comdml::milp: for programs that include comdml/pairing/milp.hpp. Links GLPK, which is licensed under the GNU GPL,
# version 3. Defines COMDML_HAS_GLPK.
add_library(comdml_milp INTERFACE)
add_library(comdml::milp ALIAS comdml_milp)
target_compile_definitions(comdml_milp INTERFACE COMDML_HAS_GLPK)
target_link_libraries(comdml_milp INTERFACE comdml::comdml ComdmlGlpk::ComdmlGlpk)
