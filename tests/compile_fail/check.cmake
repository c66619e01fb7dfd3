# cmake -DCOMPILER= -DCOMPILER_ID= -DINCLUDES= -DSOURCE= -P check.cmake: see CMakeLists.txt here.
file(STRINGS "${SOURCE}" first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// expects: (.+)$")
  message(FATAL_ERROR "${SOURCE}: the first line must be `// expects: REGULAR EXPRESSION`")
endif()
set(expected "${CMAKE_MATCH_1}")

set(command "${COMPILER}" -std=c++20 -fsyntax-only -fopenmp)
foreach(folder IN LISTS INCLUDES)
  list(APPEND command -isystem "${folder}")
endforeach()

execute_process(COMMAND ${command} -DCOMDML_CORRECT "${SOURCE}" RESULT_VARIABLE code ERROR_VARIABLE output)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "with COMDML_CORRECT it must compile, but:\n${output}")
endif()

execute_process(COMMAND ${command} "${SOURCE}" RESULT_VARIABLE code ERROR_VARIABLE output)
if(code EQUAL 0)
  message(FATAL_ERROR "it compiles, though it must not")
endif()
# The first lines are what a user reads.
string(REGEX MATCH "^([^\n]*\n)?([^\n]*\n)?([^\n]*\n)?([^\n]*\n)?([^\n]*\n)?([^\n]*\n)?([^\n]*\n)?([^\n]*\n)?" head "${output}")
message("${head}")
if(NOT head MATCHES "${expected}")
  message(FATAL_ERROR "the first eight lines of the error do not name: ${expected}")
endif()
