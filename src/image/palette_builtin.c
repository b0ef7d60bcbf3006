/* SPDX-License-Identifier: MIT */
/* The palettes that come with the library; written by scripts/make_palettes.py.
 *
 * Those marked MIT in the table below were read from files of
 *
 * Copyright (c) 2019-2026 Peter Hellberg - https://c7.se
 * Copyright (c) 2020 Dezmerean Robert
 * Copyright (c) 2017 Vadim Grigoruk
 * Copyright (c) 2018-2026 Takashi Kitao
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software
 * and associated documentation files (the "Software"), to deal in the Software without
 * restriction, including without limitation the rights to use, copy, modify, merge, publish,
 * distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
 * Software is furnished to do so, subject to the following conditions: The above copyright notice
 * and this permission notice shall be included in all copies or substantial portions of the
 * Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
 * INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
 * PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
 * ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
 * ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
#include "image/palette.h"

/* clang-format off */
static const uint8_t colors_1_bit[][3] = {
    {  0,   0,   0}, {255, 255, 255},
};

static const uint8_t colors_game_boy[][3] = {
    { 15,  56,  15}, { 48,  98,  48}, {139, 172,  15}, {155, 188,  15},
};

static const uint8_t colors_2_bit_grey[][3] = {
    {  0,   0,   0}, {103, 103, 103}, {182, 182, 182}, {255, 255, 255},
};

static const uint8_t colors_ammo_8[][3] = {
    {  4,  12,   6}, { 17,  35,  24}, { 30,  58,  41}, { 48,  93,  66}, { 77, 128,  97},
    {137, 162,  87}, {190, 220, 127}, {238, 255, 204},
};

static const uint8_t colors_nyx_8[][3] = {
    {  8,  20,  30}, { 15,  42,  63}, { 32,  57,  79}, {246, 214, 189}, {195, 163, 138},
    {153, 117, 119}, {129,  98, 113}, { 78,  73,  95},
};

static const uint8_t colors_pico_8[][3] = {
    {  0,   0,   0}, { 29,  43,  83}, {126,  37,  83}, {  0, 135,  81}, {171,  82,  54},
    { 95,  87,  79}, {194, 195, 199}, {255, 241, 232}, {255,   0,  77}, {255, 163,   0},
    {255, 236,  39}, {  0, 228,  54}, { 41, 173, 255}, {131, 118, 156}, {255, 119, 168},
    {255, 204, 170},
};

static const uint8_t colors_sweetie_16[][3] = {
    { 26,  28,  44}, { 93,  39,  93}, {177,  62,  83}, {239, 125,  87}, {255, 205, 117},
    {167, 240, 112}, { 56, 183, 100}, { 37, 113, 121}, { 41,  54, 111}, { 59,  93, 201},
    { 65, 166, 246}, {115, 239, 247}, { 51,  60,  87}, { 86, 108, 134}, {148, 176, 194},
    {244, 244, 244},
};

static const uint8_t colors_arne_16[][3] = {
    {  0,   0,   0}, { 73,  60,  43}, {190,  38,  51}, {224, 111, 139}, {157, 157, 157},
    {164, 100,  34}, {235, 137,  49}, {247, 226, 107}, {255, 255, 255}, { 27,  38,  50},
    { 47,  72,  78}, { 68, 137,  26}, {163, 206,  39}, {  0,  87, 132}, { 49, 162, 242},
    {178, 220, 239},
};

static const uint8_t colors_aap_16[][3] = {
    {  7,   7,   8}, { 51,  34,  34}, {119,  68,  51}, {204, 136,  85}, {153,  51,  17},
    {221, 119,  17}, {255, 221,  85}, {255, 255,  51}, { 85, 170,  68}, { 17,  85,  34},
    { 68, 238, 187}, { 51, 136, 221}, { 85,  68, 170}, { 85,  85, 119}, {170, 187, 187},
    {255, 255, 255},
};

static const uint8_t colors_pyxel[][3] = {
    {  0,   0,   0}, { 43,  51,  95}, {126,  32, 114}, { 25, 149, 156}, {139,  72,  82},
    { 57,  92, 152}, {169, 193, 255}, {238, 238, 238}, {212,  24, 108}, {211, 132,  65},
    {233, 195,  91}, {112, 198, 169}, {118, 150, 222}, {163, 163, 163}, {255, 151, 152},
    {237, 199, 176},
};

static const uint8_t colors_endesga_16[][3] = {
    {228, 166, 114}, {184, 111,  80}, {116,  63,  57}, { 63,  40,  50}, {158,  40,  53},
    {229,  59,  68}, {251, 146,  43}, {255, 231,  98}, { 99, 198,  77}, { 50, 115,  69},
    { 25,  61,  63}, { 79, 103, 129}, {175, 191, 210}, {255, 255, 255}, { 44, 232, 244},
    {  4, 132, 209},
};

static const uint8_t colors_endesga_32[][3] = {
    {190,  74,  47}, {215, 118,  67}, {234, 212, 170}, {228, 166, 114}, {184, 111,  80},
    {115,  62,  57}, { 62,  39,  49}, {162,  38,  51}, {228,  59,  68}, {247, 118,  34},
    {254, 174,  52}, {254, 231,  97}, { 99, 199,  77}, { 62, 137,  72}, { 38,  92,  66},
    { 25,  60,  62}, { 18,  78, 137}, {  0, 153, 219}, { 44, 232, 245}, {255, 255, 255},
    {192, 203, 220}, {139, 155, 180}, { 90, 105, 136}, { 58,  68, 102}, { 38,  43,  68},
    { 24,  20,  37}, {255,   0,  68}, {104,  56, 108}, {181,  80, 136}, {246, 117, 122},
    {232, 183, 150}, {194, 133, 105},
};

static const uint8_t colors_endesga_64[][3] = {
    {255,   0,  64}, { 19,  19,  19}, { 27,  27,  27}, { 39,  39,  39}, { 61,  61,  61},
    { 93,  93,  93}, {133, 133, 133}, {180, 180, 180}, {255, 255, 255}, {199, 207, 221},
    {146, 161, 185}, {101, 115, 146}, { 66,  76, 110}, { 42,  47,  78}, { 26,  25,  50},
    { 14,   7,  27}, { 28,  18,  28}, { 57,  31,  33}, { 93,  44,  40}, {138,  72,  54},
    {191, 111,  74}, {230, 156, 105}, {246, 202, 159}, {249, 230, 207}, {237, 171,  80},
    {224, 116,  56}, {198,  69,  36}, {142,  37,  29}, {255,  80,   0}, {237, 118,  20},
    {255, 162,  20}, {255, 200,  37}, {255, 235,  87}, {211, 252, 126}, {153, 230,  95},
    { 90, 197,  79}, { 51, 152,  75}, { 30, 111,  80}, { 19,  76,  76}, { 12,  46,  68},
    {  0,  57, 109}, {  0, 105, 170}, {  0, 152, 220}, {  0, 205, 249}, { 12, 241, 255},
    {148, 253, 255}, {253, 210, 237}, {243, 137, 245}, {219,  63, 253}, {122,   9, 250},
    { 48,   3, 217}, { 12,   2, 147}, {  3,  25,  63}, { 59,  20,  67}, { 98,  36,  97},
    {147,  56, 143}, {202,  82, 201}, {200,  80, 134}, {246, 129, 135}, {245,  85,  93},
    {234,  50,  60}, {196,  36,  48}, {137,  30,  43}, { 87,  28,  39},
};

static const uint8_t colors_aap_64[][3] = {
    {  6,   6,   8}, { 20,  16,  19}, { 59,  23,  37}, {115,  23,  45}, {180,  32,  42},
    {223,  62,  35}, {250, 106,  10}, {249, 163,  27}, {255, 213,  65}, {255, 252,  64},
    {214, 242, 100}, {156, 219,  67}, { 89, 193,  53}, { 20, 160,  46}, { 26, 122,  62},
    { 36,  82,  59}, { 18,  32,  32}, { 20,  52, 100}, { 40,  92, 196}, { 36, 159, 222},
    { 32, 214, 199}, {166, 252, 219}, {255, 255, 255}, {254, 243, 192}, {250, 214, 184},
    {245, 160, 151}, {232, 106, 115}, {188,  74, 155}, {121,  58, 128}, { 64,  51,  83},
    { 36,  34,  52}, { 34,  28,  26}, { 50,  43,  40}, {113,  65,  59}, {187, 117,  71},
    {219, 164,  99}, {244, 210, 156}, {218, 224, 234}, {179, 185, 209}, {139, 147, 175},
    {109, 117, 141}, { 74,  84,  98}, { 51,  57,  65}, { 66,  36,  51}, { 91,  49,  56},
    {142,  82,  82}, {186, 117, 106}, {233, 181, 163}, {227, 230, 255}, {185, 191, 251},
    {132, 155, 228}, { 88, 141, 190}, { 71, 125, 133}, { 35, 103,  78}, { 50, 132, 100},
    { 93, 175, 141}, {146, 220, 186}, {205, 247, 226}, {228, 210, 170}, {199, 176, 139},
    {160, 134,  98}, {121, 103,  85}, { 90,  78,  68}, { 66,  57,  52},
};

static const uint8_t colors_famicube[][3] = {
    {  0,   0,   0}, {  0,  23, 125}, {  2,  74, 202}, {  0, 132, 255}, { 91, 168, 255},
    {152, 220, 255}, {155, 160, 239}, { 98, 100, 220}, { 61,  52, 165}, { 33,  22,  64},
    { 90,  25, 145}, {106,  49, 202}, {166, 117, 254}, {226, 201, 255}, {254, 201, 237},
    {213, 156, 252}, {204, 105, 228}, {163,  40, 179}, {135,  22,  70}, {207,  60, 113},
    {255, 130, 206}, {255, 233, 197}, {245, 183, 132}, {225, 130, 137}, {218, 101,  94},
    {130,  60,  61}, { 79,  21,   7}, {224,  60,  40}, {226, 215, 181}, {197, 151, 130},
    {174, 108,  55}, { 92,  60,  13}, { 35,  23,  18}, {173,  78,  26}, {246, 143,  55},
    {255, 231,  55}, {255, 187,  49}, {204, 143,  21}, {147, 151,  23}, {182, 193,  33},
    {238, 255, 169}, {190, 235, 113}, {140, 214,  18}, {106, 180,  23}, { 55, 109,   3},
    { 23,  40,   8}, {  0,  78,   0}, { 19, 157,   8}, { 88, 211,  50}, { 32, 181,  98},
    {  0,  96,  75}, {  0,  82, 128}, { 10, 152, 172}, { 37, 226, 205}, {189, 255, 202},
    {113, 166, 161}, { 65,  93, 102}, { 13,  32,  48}, { 21,  21,  21}, { 52,  52,  52},
    {123, 123, 123}, {168, 168, 168}, {215, 215, 215}, {255, 255, 255},
};

static const uint8_t colors_cga[][3] = {
    {  0,   0,   0}, { 85,  85,  85}, {170, 170, 170}, {255, 255, 255}, {  0,   0, 170},
    { 85,  85, 255}, {  0, 170,   0}, { 85, 255,  85}, {  0, 170, 170}, { 85, 255, 255},
    {170,   0,   0}, {255,  85,  85}, {170,   0, 170}, {255,  85, 255}, {170,  85,   0},
    {255, 255,  85},
};

static const uint8_t colors_c64[][3] = {
    {  0,   0,   0}, {255, 255, 255}, {136,   0,   0}, {170, 255, 238}, {204,  68, 204},
    {  0, 204,  85}, {  0,   0, 170}, {238, 238, 119}, {221, 136,  85}, {102,  68,   0},
    {255, 119, 119}, { 51,  51,  51}, {119, 119, 119}, {170, 255, 102}, {  0, 136, 255},
    {187, 187, 187},
};

static const uint8_t colors_zx_spectrum[][3] = {
    {  0,   0,   0}, {  0,   0, 205}, {205,   0,   0}, {205,   0, 205}, {  0, 205,   0},
    {  0, 205, 205}, {205, 205,   0}, {205, 205, 205}, {  0,   0, 255}, {255,   0,   0},
    {255,   0, 255}, {  0, 255,   0}, {  0, 255, 255}, {255, 255,   0}, {255, 255, 255},
};

static const uint8_t colors_msx[][3] = {
    {255,   0, 255}, {  0,   0,   0}, {102, 204, 102}, {136, 238, 136}, { 68,  68, 221},
    {119, 119, 255}, {187,  85,  85}, {119, 221, 221}, {221, 102, 102}, {255, 119, 119},
    {204, 204,  85}, {238, 238, 136}, { 85, 170,  85}, {187,  85, 187}, {204, 204, 204},
    {238, 238, 238},
};

static const uint8_t colors_amstrad_cpc[][3] = {
    {  0,   0,   0}, {  0,   0, 128}, {  0,   0, 255}, {128,   0,   0}, {128,   0, 128},
    {128,   0, 255}, {255,   0,   0}, {255,   0, 128}, {255,   0, 255}, {  0, 128,   0},
    {  0, 128, 128}, {  0, 128, 255}, {128, 128,   0}, {128, 128, 128}, {128, 128, 255},
    {255, 128,   0}, {255, 128, 128}, {255, 128, 255}, {  0, 255,   0}, {  0, 255, 128},
    {  0, 255, 255}, {128, 255,   0}, {128, 255, 128}, {128, 255, 255}, {255, 255,   0},
    {255, 255, 128}, {255, 255, 255},
};

static const uint8_t colors_nes[][3] = {
    { 72,  72,  72}, {  0,   8,  88}, {  0,   8, 120}, {  0,   8, 112}, { 56,   0,  80},
    { 88,   0,  16}, { 88,   0,   0}, { 64,   0,   0}, { 16,   0,   0}, {  0,  24,   0},
    {  0,  30,   0}, {  0,  35,  10}, {  0,  24,  32}, {  0,   0,   0}, {  8,   8,   8},
    {160, 160, 160}, {  0,  72, 184}, {  8,  48, 224}, { 88,  24, 216}, {160,   8, 168},
    {208,   0,  88}, {208,  16,   0}, {160,  32,   0}, { 96,  64,   0}, {  8,  88,   0},
    {  0, 104,   0}, {  0, 104,  16}, {  0,  96, 112}, {248, 248, 248}, { 32, 160, 248},
    { 80, 120, 248}, {152, 104, 248}, {248, 104, 248}, {248, 112, 176}, {248, 112, 104},
    {248, 128,  24}, {192, 152,   0}, {112, 176,   0}, { 40, 192,  32}, {  0, 200, 112},
    {  0, 192, 208}, { 40,  40,  40}, {160, 216, 248}, {176, 192, 248}, {208, 176, 248},
    {248, 192, 248}, {248, 192, 224}, {248, 192, 192}, {248, 200, 160}, {232, 216, 136},
    {200, 224, 144}, {168, 232, 160}, {144, 232, 200}, {144, 224, 232}, {168, 168, 168},
};

static const uint8_t colors_master_system[][3] = {
    {  0,   0,   0}, {  0,   0,  85}, {  0,   0, 170}, {  0,   0, 255}, { 85,   0,   0},
    { 85,   0,  85}, { 85,   0, 170}, { 85,   0, 255}, {170,   0,   0}, {170,   0,  85},
    {170,   0, 170}, {170,   0, 255}, {255,   0,   0}, {255,   0,  85}, {255,   0, 170},
    {255,   0, 255}, {  0,  85,   0}, {  0,  85,  85}, {  0,  85, 170}, {  0,  85, 255},
    { 85,  85,   0}, { 85,  85,  85}, { 85,  85, 170}, { 85,  85, 255}, {170,  85,   0},
    {170,  85,  85}, {170,  85, 170}, {170,  85, 255}, {255,  85,   0}, {255,  85,  85},
    {255,  85, 170}, {255,  85, 255}, {  0, 170,   0}, {  0, 170,  85}, {  0, 170, 170},
    {  0, 170, 255}, { 85, 170,   0}, { 85, 170,  85}, { 85, 170, 170}, { 85, 170, 255},
    {170, 170,   0}, {170, 170,  85}, {170, 170, 170}, {170, 170, 255}, {255, 170,   0},
    {255, 170,  85}, {255, 170, 170}, {255, 170, 255}, {  0, 255,   0}, {  0, 255,  85},
    {  0, 255, 170}, {  0, 255, 255}, { 85, 255,   0}, { 85, 255,  85}, { 85, 255, 170},
    { 85, 255, 255}, {170, 255,   0}, {170, 255,  85}, {170, 255, 170}, {170, 255, 255},
    {255, 255,   0}, {255, 255,  85}, {255, 255, 170}, {255, 255, 255},
};

const px_palette_builtin px_palette_builtins[] = {
    {colors_1_bit, 2},
    {colors_game_boy, 4},
    {colors_2_bit_grey, 4},
    {colors_ammo_8, 8},
    {colors_nyx_8, 8},
    {colors_pico_8, 16},
    {colors_sweetie_16, 16},
    {colors_arne_16, 16},
    {colors_aap_16, 16},
    {colors_pyxel, 16},
    {colors_endesga_16, 16},
    {colors_endesga_32, 32},
    {colors_endesga_64, 64},
    {colors_aap_64, 64},
    {colors_famicube, 64},
    {colors_cga, 16},
    {colors_c64, 16},
    {colors_zx_spectrum, 15},
    {colors_msx, 16},
    {colors_amstrad_cpc, 27},
    {colors_nes, 55},
    {colors_master_system, 64},
};

const dgxp_choice px_palette_builtin_choices[] = {
    {0, "1-bit",
     "black and white; colors from gfx, MIT (c) Peter Hellberg"},
    {1, "game-boy",
     "four greens of the handheld; colors from gimp-palettes, MIT (c) Dezmerean Robert"},
    {2, "2-bit-grey",
     "four greys; colors from gfx, MIT (c) Peter Hellberg"},
    {3, "ammo-8",
     "eight greens by rsvp asap; colors from gfx, MIT (c) Peter Hellberg"},
    {4, "nyx-8",
     "eight muted colors by Javier Guerrero; colors from gfx, MIT (c) Peter Hellberg"},
    {5, "pico-8",
     "16 colors of the fantasy console by Lexaloffle Games; colors from gimp-palettes, MIT (c) Dezmerean Robert"},
    {6, "sweetie-16",
     "16 bright colors by GrafxKid; from TIC-80, MIT (c) Vadim Grigoruk"},
    {7, "arne-16",
     "16 all-purpose colors by Arne Niklas Jansson; colors from gfx, MIT (c) Peter Hellberg"},
    {8, "aap-16",
     "16 colors for beginners by Adigun A. Polack; colors from gfx, MIT (c) Peter Hellberg"},
    {9, "pyxel",
     "16 colors of the Pyxel engine, MIT (c) Takashi Kitao"},
    {10, "endesga-16",
     "16 vivid colors by ENDESGA; colors from gfx, MIT (c) Peter Hellberg"},
    {11, "endesga-32",
     "32 vivid colors by ENDESGA, made for NYKRA; colors from gfx, MIT (c) Peter Hellberg"},
    {12, "endesga-64",
     "64 colors for painted materials by ENDESGA; colors from gfx, MIT (c) Peter Hellberg"},
    {13, "aap-64",
     "64 natural colors by Adigun A. Polack; colors from gfx, MIT (c) Peter Hellberg"},
    {14, "famicube",
     "64 colors of the Famicube by Arne; colors from gfx, MIT (c) Peter Hellberg"},
    {15, "cga",
     "16 colors of the IBM PC; colors from gfx, MIT (c) Peter Hellberg"},
    {16, "c64",
     "16 colors of the Commodore 64; public domain, Juan J. Martinez"},
    {17, "zx-spectrum",
     "15 colors of the ZX Spectrum; public domain, Juan J. Martinez"},
    {18, "msx",
     "16 colors of the MSX 1 (Toshiba); public domain, Juan J. Martinez"},
    {19, "amstrad-cpc",
     "27 colors of the Amstrad CPC; public domain, Juan J. Martinez"},
    {20, "nes",
     "55 colors of the 8-bit console; colors from gimp-palettes, MIT (c) Dezmerean Robert"},
    {21, "master-system",
     "64 colors, two bits a channel; colors from gimp-palettes, MIT (c) Dezmerean Robert"},
};

const int32_t px_palette_builtin_count = 22;
