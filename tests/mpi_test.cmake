# The test `mpi`: test_mpi on four ranks, whatever the machine has, as root too; skipped, with a message, without mpirun.
add_test(NAME mpi COMMAND sh "${CMAKE_CURRENT_SOURCE_DIR}/run_mpi.sh" "${MPIEXEC_EXECUTABLE}" 4 $<TARGET_FILE:test_mpi>)
set_tests_properties(mpi PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 PROCESSORS 2)
# Open MPI keeps memory to the end of the process and unloads the modules that own it, so that no suppression can name
# them; the code under test is looked at for leaks over the other transports.
set_tests_properties(mpi PROPERTIES ENVIRONMENT_MODIFICATION "ASAN_OPTIONS=path_list_append:detect_leaks=0")
