# The backends' own suites: the stub always, torch where it was found.
px_add_test(stub)
add_dependencies(test_stub dgxpixels_stub)
target_compile_definitions(test_stub PRIVATE PX_STUB="$<TARGET_FILE:dgxpixels_stub>")

if(TARGET dgxpixels_torch)
    px_add_test(shim)
    add_dependencies(test_shim dgxpixels_torch)
    target_compile_definitions(test_shim PRIVATE PX_TORCH_DIR="${_torch}"
        PX_SHIM_SO="$<TARGET_FILE:dgxpixels_torch>")
    if(TARGET dgxpixels_torch_cuda)
        add_dependencies(test_shim dgxpixels_torch_cuda)
        target_compile_definitions(test_shim PRIVATE PX_HAVE_CUDA_HALF)
    endif()
    find_program(DGXP_PYTHON NAMES python python3 HINTS ${CMAKE_SOURCE_DIR}/.venv/bin
        NO_CMAKE_SYSTEM_PATH)
    if(DGXP_PYTHON)
        add_test(NAME shim_programs COMMAND ${DGXP_PYTHON}
            ${CMAKE_SOURCE_DIR}/tests/shim_programs.py ${CMAKE_BINARY_DIR}/shim-programs)
        set_tests_properties(shim_programs PROPERTIES FIXTURES_SETUP shim_programs TIMEOUT 300)
        set_tests_properties(shim PROPERTIES FIXTURES_REQUIRED shim_programs)
        set_property(TEST shim APPEND PROPERTY ENVIRONMENT
            DGXP_SHIM_PROGRAMS=${CMAKE_BINARY_DIR}/shim-programs)
    endif()
endif()
