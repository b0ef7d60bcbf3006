# The suites that paint or open models: on the stub always, on torch where it was found.
foreach(_suite stub params manifest request comfy workflow settings upgrade build job model threads
        resident)
    px_add_test(${_suite})
    add_dependencies(test_${_suite} dgxpixels_stub)
    target_compile_definitions(test_${_suite} PRIVATE PX_STUB="$<TARGET_FILE:dgxpixels_stub>")
endforeach()

if(TARGET dgxpixels_torch)
    find_program(DGXP_PYTHON NAMES python python3 HINTS ${CMAKE_SOURCE_DIR}/.venv/bin
        NO_CMAKE_SYSTEM_PATH)
    if(DGXP_PYTHON)
        add_test(NAME shim_programs COMMAND ${DGXP_PYTHON}
            ${CMAKE_SOURCE_DIR}/tests/shim_programs.py ${CMAKE_BINARY_DIR}/shim-programs)
        set_tests_properties(shim_programs PROPERTIES FIXTURES_SETUP shim_programs TIMEOUT 300)
    endif()
    foreach(_suite shim shim_limits)
        px_add_test(${_suite})
        add_dependencies(test_${_suite} dgxpixels_torch)
        target_compile_definitions(test_${_suite} PRIVATE PX_TORCH_DIR="${_torch}"
            PX_SHIM_SO="$<TARGET_FILE:dgxpixels_torch>")
        if(TARGET dgxpixels_torch_cuda)
            add_dependencies(test_${_suite} dgxpixels_torch_cuda)
            target_compile_definitions(test_${_suite} PRIVATE PX_HAVE_CUDA_HALF)
        endif()
        if(DGXP_PYTHON)
            set_tests_properties(${_suite} PROPERTIES FIXTURES_REQUIRED shim_programs)
            set_property(TEST ${_suite} APPEND PROPERTY ENVIRONMENT
                DGXP_SHIM_PROGRAMS=${CMAKE_BINARY_DIR}/shim-programs)
        endif()
    endforeach()
endif()
