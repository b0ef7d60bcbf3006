// SPDX-License-Identifier: MIT OR Apache-2.0
// A sprite in the colors of one row of a palette strip.
#import bevy_sprite::{
    mesh2d_vertex_output::VertexOutput,
    mesh2d_view_bindings::view,
}
#ifdef TONEMAP_IN_SHADER
#import bevy_core_pipeline::tonemapping
#endif
#ifdef SRGB_OUTPUT
#import bevy_render::color_operations::linear_to_srgb
#endif
#ifdef OKLAB_OUTPUT
#import bevy_render::color_operations::linear_rgb_to_oklab
#endif

struct Swapped {
    region: vec4<f32>, // of the picture: corner and size, 0..1
    row: u32,
};

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var picture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var picture_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var strip: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(3) var<uniform> swapped: Swapped;

@fragment
fn fragment(mesh: VertexOutput) -> @location(0) vec4<f32> {
    var shown = textureSample(picture, picture_sampler, swapped.region.xy + mesh.uv * swapped.region.zw);
    let size = textureDimensions(strip);
    let row = min(swapped.row, size.y - 1u);
    for (var i = 0u; i < size.x; i++) {
        let known = textureLoad(strip, vec2(i, 0u), 0);
        // Two neighbouring bytes are at least 0.0003 apart in linear light.
        if all(abs(known.rgb - shown.rgb) < vec3(0.0001)) {
            shown = vec4(textureLoad(strip, vec2(i, row), 0).rgb, shown.a);
            break;
        }
    }
#ifdef TONEMAP_IN_SHADER
    shown = tonemapping::tone_mapping(shown, view.color_grading);
#endif
#ifdef SRGB_OUTPUT
    shown = vec4(linear_to_srgb(shown.rgb), shown.a);
#endif
#ifdef OKLAB_OUTPUT
    shown = vec4(linear_rgb_to_oklab(shown.rgb), shown.a);
#endif
    return shown;
}
