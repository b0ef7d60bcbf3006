# What `cmake --install` puts where; docs/architecture.md says how the library finds it again.
include(CMakePackageConfigHelpers)

set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/dgxpixels)
install(TARGETS dgxpixels EXPORT dgxpixels-targets)
install(FILES include/dgxpixels.h TYPE INCLUDE)
install(DIRECTORY include/dgxpixels TYPE INCLUDE)
install(EXPORT dgxpixels-targets NAMESPACE dgxpixels:: DESTINATION ${_package})
configure_package_config_file(cmake/dgxpixels-config.cmake.in
    ${CMAKE_BINARY_DIR}/dgxpixels-config.cmake INSTALL_DESTINATION ${_package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/dgxpixels-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/dgxpixels-config.cmake
    ${CMAKE_BINARY_DIR}/dgxpixels-config-version.cmake DESTINATION ${_package})

file(RELATIVE_PATH DGXP_PC_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(cmake/dgxpixels.pc.in ${CMAKE_BINARY_DIR}/dgxpixels.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/dgxpixels.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS dgx-pixels)
# The texts of the licences: ours, the starter's, and of the plug-in where it is built.
install(FILES LICENSE-MIT LICENSE-APACHE models/LICENSE-CC0-1.0 TYPE DOC)
if(TARGET dgxpixels_imagequant)
    install(FILES plugins/LICENSE-GPL-3.0 TYPE DOC RENAME LICENSE-GPL-3.0-imagequant-plugin)
endif()
foreach(_backend dgxpixels_torch dgxpixels_torch_cuda dgxpixels_imagequant)
    if(TARGET ${_backend})
        install(TARGETS ${_backend} DESTINATION ${CMAKE_INSTALL_LIBDIR}/dgx-pixels)
    endif()
endforeach()
if(EXISTS ${CMAKE_SOURCE_DIR}/torch.path)
    install(FILES torch.path DESTINATION ${CMAKE_INSTALL_LIBDIR}/dgx-pixels)
endif()
# Only the folders that ship; a developer's own checkpoints beside them stay where they are.
foreach(_folder models/sdxl models/starter motions presets workflows)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${_folder})
        get_filename_component(_parent ${_folder} DIRECTORY)
        install(DIRECTORY ${_folder} DESTINATION ${CMAKE_INSTALL_DATADIR}/dgx-pixels/${_parent})
    endif()
endforeach()
install(DIRECTORY bindings/rust DESTINATION ${CMAKE_INSTALL_DATADIR}/dgx-pixels
    PATTERN target EXCLUDE PATTERN tests EXCLUDE)

# In the build tree the same things lie beside the library as links.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
foreach(_folder models motions presets workflows bindings/rust torch.path)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${_folder})
        get_filename_component(_name ${_folder} NAME)
        file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${_folder} ${CMAKE_BINARY_DIR}/lib/${_name} SYMBOLIC)
    endif()
endforeach()
