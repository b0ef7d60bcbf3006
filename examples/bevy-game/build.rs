// SPDX-License-Identifier: MIT OR Apache-2.0

fn main() {
    dgx_pixels_build::emit("dgx-pixels.lock.json");
}
