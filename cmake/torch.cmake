# The tensor backends.  torch is found as a folder, never through its CMake package, which wants a CUDA
# toolkit.  Without torch the rest builds all the same.
set(_map ${CMAKE_SOURCE_DIR}/shim/shim.map)

# Test builds only: the same interface without tensors, in C, sanitized like the rest.
if(DGXP_TESTS)
    add_library(dgxpixels_stub MODULE shim/stub.c shim/stub_sprite.c)
    target_include_directories(dgxpixels_stub PRIVATE include shim)
    target_compile_definitions(dgxpixels_stub PRIVATE _GNU_SOURCE)
    target_link_libraries(dgxpixels_stub PRIVATE m)
    target_link_options(dgxpixels_stub PRIVATE -Wl,--version-script=${_map})
endif()

# A sanitized process cannot hold libtorch.
if(NOT DGXP_TORCH OR DGXP_SANITIZE)
    return()
endif()

set(_torch "${DGXP_TORCH_DIR}")
if(NOT _torch AND EXISTS ${CMAKE_SOURCE_DIR}/torch.path)
    file(STRINGS ${CMAKE_SOURCE_DIR}/torch.path _torch LIMIT_COUNT 1)
endif()
if(NOT _torch AND EXISTS ${CMAKE_SOURCE_DIR}/.venv/bin/python)
    execute_process(COMMAND ${CMAKE_SOURCE_DIR}/.venv/bin/python -c
        "import importlib.util as u; print(*u.find_spec('torch').submodule_search_locations)"
        OUTPUT_VARIABLE _torch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT EXISTS "${_torch}/include/torch/script.h" OR NOT EXISTS "${_torch}/lib/libtorch_cpu.so")
    message(WARNING "No torch in '${_torch}': the torch backend is not built. "
        "Run 'make setup', or set DGXP_TORCH_DIR to the folder 'torch' of an installed wheel.")
    return()
endif()

enable_language(CXX)
file(STRINGS ${_torch}/include/torch/headeronly/version.h _lines
    REGEX "^#define TORCH_VERSION_(MAJOR|MINOR) ")
string(REGEX REPLACE "[^0-9;]" "" _minor "${_lines}")
string(REPLACE ";" "." _minor "${_minor}")
# 2.11, which is pinned, builds as C++17; later headers move to C++20, which contains what we use.
set(_standard 17)
if(_minor VERSION_GREATER 2.11)
    set(_standard 20)
endif()
message(STATUS "torch ${_minor} in ${_torch}")

# px_add_backend(TARGET SOURCES ...): no rpath, since the library loads torch before its backend.
function(px_add_backend target)
    add_library(${target} MODULE ${ARGN})
    target_include_directories(${target} PRIVATE include shim)
    target_include_directories(${target} SYSTEM PRIVATE
        ${_torch}/include ${_torch}/include/torch/csrc/api/include)
    # gcc 12 sees an overflow in torch's inlined atomics that is none.
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-stringop-overflow)
    target_link_options(${target} PRIVATE -Wl,--version-script=${_map} -Wl,--no-undefined
        -Wl,--unresolved-symbols=ignore-in-shared-libs)
    target_link_directories(${target} PRIVATE ${_torch}/lib)
    set_target_properties(${target} PROPERTIES CXX_STANDARD ${_standard} CXX_STANDARD_REQUIRED ON
        CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        POSITION_INDEPENDENT_CODE ON SKIP_BUILD_RPATH ON LINK_DEPENDS ${_map})
endfunction()

px_add_backend(dgxpixels_torch
    shim/denoise.cpp
    shim/devices.cpp
    shim/entry.cpp
    shim/guarded.cpp
    shim/inputs.cpp
    shim/merge.cpp
    shim/programs.cpp
    shim/text.cpp
    shim/vae.cpp
    shim/weights.cpp)
# Torch's headers are nearly all that a file of the shim costs: five at a time read them once, which is as fast as
# a precompiled header and takes none of its 740 MB.  -DCMAKE_UNITY_BUILD=OFF compiles each file by itself.
if(NOT DEFINED CMAKE_UNITY_BUILD)
    set_target_properties(dgxpixels_torch PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
endif()
target_link_libraries(dgxpixels_torch PRIVATE torch_cpu c10 ${CMAKE_DL_LIBS})

# The CUDA half needs the headers of the wheel's own CUDA packages and nvidia-cuda-crt, no toolkit.
get_filename_component(_packages ${_torch} DIRECTORY)
file(GLOB _cuda ${_packages}/nvidia/cu1[0-9])
if(NOT DGXP_CUDA OR NOT EXISTS "${_torch}/lib/libtorch_cuda.so")
    return()
endif()
if(NOT EXISTS "${_cuda}/include/crt/host_config.h")
    # What `scripts/setup torch` leaves out where there is no NVIDIA driver.
    message(STATUS "No crt/host_config.h in '${_cuda}/include': the CUDA half is not built. "
        "'pip install -r requirements/torch.txt' brings what it needs.")
    return()
endif()
file(GLOB _cudart RELATIVE ${_cuda}/lib ${_cuda}/lib/libcudart.so.*)
px_add_backend(dgxpixels_torch_cuda shim/cuda_device.cpp shim/cuda_upload.cpp)
target_include_directories(dgxpixels_torch_cuda SYSTEM PRIVATE ${_cuda}/include)
target_link_directories(dgxpixels_torch_cuda PRIVATE ${_cuda}/lib)
target_link_libraries(dgxpixels_torch_cuda PRIVATE -Wl,--no-as-needed torch_cpu c10 torch_cuda
    c10_cuda -l:${_cudart} Threads::Threads)
