# libimagequant in a plug-in of its own: GPL-3.0-or-later by itself, opened when its method is asked for.
pkg_check_modules(IMAGEQUANT REQUIRED IMPORTED_TARGET imagequant)
add_library(dgxpixels_imagequant MODULE plugins/imagequant.c)
target_link_libraries(dgxpixels_imagequant PRIVATE PkgConfig::IMAGEQUANT)
