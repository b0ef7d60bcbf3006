# The `dgx-pixels` program: one file a subcommand, nothing but the public header.
add_executable(dgx-pixels
    src/cli/args.c
    src/cli/atlas.c
    src/cli/batch.c
    src/cli/batch_deploy.c
    src/cli/bench.c
    src/cli/brp.c
    src/cli/build.c
    src/cli/deploy.c
    src/cli/doctor.c
    src/cli/escapes.c
    src/cli/family.c
    src/cli/fix.c
    src/cli/fix_print.c
    src/cli/fix_steps.c
    src/cli/generate.c
    src/cli/generate_deploy.c
    src/cli/generate_job.c
    src/cli/generate_paint.c
    src/cli/hints.c
    src/cli/info.c
    src/cli/inputs.c
    src/cli/kitty.c
    src/cli/lora.c
    src/cli/loras.c
    src/cli/main.c
    src/cli/memory.c
    src/cli/models.c
    src/cli/motion.c
    src/cli/normal.c
    src/cli/palette.c
    src/cli/presets.c
    src/cli/project.c
    src/cli/print.c
    src/cli/recolor.c
    src/cli/regen.c
    src/cli/report.c
    src/cli/request.c
    src/cli/resemble.c
    src/cli/resident.c
    src/cli/resident_options.c
    src/cli/run.c
    src/cli/setting.c
    src/cli/sheet.c
    src/cli/sixel.c
    src/cli/terminal.c
    src/cli/tileset.c
    src/cli/trust.c
    src/cli/upgrade.c
    src/cli/workers.c
)
target_compile_definitions(dgx-pixels PRIVATE _GNU_SOURCE)
target_include_directories(dgx-pixels PRIVATE src)
# libcurl is the program's alone: the library never opens a connection.
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
target_link_libraries(dgx-pixels PRIVATE dgxpixels PkgConfig::JANSSON PkgConfig::CURL Threads::Threads m)
# The same relative paths in the build tree as installed: what CMake writes there by itself is absolute, and
# padded with an empty entry, which means the current folder.
set(_libraries "$ORIGIN/../lib" "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
list(REMOVE_DUPLICATES _libraries)
set_target_properties(dgx-pixels PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "${_libraries}")
