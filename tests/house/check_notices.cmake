# cmake -DWORK=<scratch folder> -P check_notices.cmake: the negative control of check_house.cmake. Each small tree with
# one fault must be refused with the words that name it; the same tree without a fault must pass.
cmake_minimum_required(VERSION 3.25)

set(head "// SPDX-License-Identifier: BSL-1.0\n/// \\file\n/// A header.\n#pragma once\n")

# Writes a sound tree, adds `text` to `header` (`REPLACE` instead of text: to write it anew), and checks it.
function(check name header text expected)
  set(tree "${WORK}/${name}")
  file(REMOVE_RECURSE "${tree}")
  file(WRITE "${tree}/comdml/comdml.hpp"
    "${head}#include \"comdml/core/ids.hpp\"\n#include \"comdml/learn/agent.hpp\"\n#include \"comdml/nn/layer.hpp\"\n")
  file(WRITE "${tree}/comdml/core/ids.hpp" "${head}#include <vector>\n")
  file(WRITE "${tree}/comdml/nn/layer.hpp" "${head}#include \"comdml/core/ids.hpp\"\n")
  file(WRITE "${tree}/comdml/nn/detail/chain.hpp" "${head}")
  file(WRITE "${tree}/comdml/learn/agent.hpp" "${head}#include \"comdml/nn/layer.hpp\"\n")
  if(text MATCHES "^REPLACE(.*)$")
    file(WRITE "${tree}/${header}" "${CMAKE_MATCH_1}")
  elseif(EXISTS "${tree}/${header}")
    file(APPEND "${tree}/${header}" "${text}")
  else()
    file(WRITE "${tree}/${header}" "${head}${text}")
  endif()

  execute_process(
    COMMAND "${CMAKE_COMMAND}" "-DINCLUDE=${tree}" -P "${CMAKE_CURRENT_LIST_DIR}/check_house.cmake"
    RESULT_VARIABLE code ERROR_VARIABLE output
  )
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(expected STREQUAL "" AND NOT code EQUAL 0)
    message(SEND_ERROR "${name}: a sound tree was refused:\n${output}")
  elseif(NOT expected STREQUAL "" AND code EQUAL 0)
    message(SEND_ERROR "${name}: was not noticed")
  elseif(NOT output MATCHES "${expected}")
    message(SEND_ERROR "${name}: expected '${expected}' in:\n${output}")
  endif()
endfunction()

check(sound "comdml/core/ids.hpp" "" "")
check(upward "comdml/core/ids.hpp" "#include \"comdml/learn/agent.hpp\"\n" "from 'core' no arrow points to 'learn'")
check(upward_indented "comdml/nn/layer.hpp" "#ifdef X\n#  include \"comdml/learn/agent.hpp\"\n#endif\n"
  "from 'nn' no arrow points to 'learn'")
check(angle_brackets "comdml/nn/layer.hpp" "#include <comdml/learn/agent.hpp>\n" "are included in quotes")
check(relative "comdml/nn/layer.hpp" "#include \"../learn/agent.hpp\"\n" "quotes are for")
check(private "comdml/learn/agent.hpp" "#include \"comdml/nn/detail/chain.hpp\"\n" "private to 'nn'")
check(xtensor "comdml/nn/layer.hpp" "#include <xtensor/xtensor.hpp>\n" "is kept to: tensor")
check(mpi "comdml/learn/agent.hpp" "#include <mpi.h>\n" "is kept to:")
check(licence "comdml/nn/layer.hpp" "REPLACE#pragma once\n#include \"comdml/core/ids.hpp\"\n" "must begin with the SPDX line")
check(twice "comdml/nn/layer.hpp" "REPLACE// SPDX-License-Identifier: BSL-1.0\n/// \\file\n/// X.\n" "no #pragma once")
check(unknown_room "comdml/attic/box.hpp" "" "no room 'attic'")
check(forgotten "comdml/nn/linear.hpp" "" "comdml/comdml.hpp does not reach it")
check(opt_in "comdml/testing/check_layer.hpp" "" "")
