// SPDX-License-Identifier: MIT OR Apache-2.0
// A sprite under one lamp, by its normal map.
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

struct Lit {
    lamp: vec4<f32>, // x, y, z in the world; w: where it is half as bright, 0 = everywhere the same
    color: vec4<f32>,
    ambient: vec4<f32>,
    region: vec4<f32>, // of the picture: corner and size, 0..1
};

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var picture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var picture_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var normals: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(3) var normals_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(4) var<uniform> lit: Lit;

@fragment
fn fragment(mesh: VertexOutput) -> @location(0) vec4<f32> {
    let uv = lit.region.xy + mesh.uv * lit.region.zw;
    // The picture's axes in the world, however the sprite is turned, mirrored or scaled.
    let world_x = dpdx(mesh.world_position.xy);
    let world_y = dpdy(mesh.world_position.xy);
    let uv_x = dpdx(uv);
    let uv_y = dpdy(uv);
    let turn = uv_x.x * uv_y.y - uv_y.x * uv_x.y;
    let side = select(turn, 1.0, abs(turn) < 1e-12);
    let across = (world_x * uv_y.y - world_y * uv_x.y) / side;
    let down = (world_y * uv_x.x - world_x * uv_y.x) / side;
    // One light a sprite pixel: as seen from its middle.
    let size = vec2<f32>(textureDimensions(picture));
    let step = (floor(uv * size) + 0.5) / size - uv;
    let place = mesh.world_position.xyz + vec3(across * step.x + down * step.y, 0.0);

    let base = textureSample(picture, picture_sampler, uv);
    let n = textureSample(normals, normals_sampler, uv).xyz * 255.0 - 128.0;
    let normal = normalize(vec3(normalize(across) * n.x - normalize(down) * n.y, n.z) + vec3(0.0, 0.0, 1e-6));
    let to_lamp = lit.lamp.xyz - place;
    let far = length(to_lamp) / max(lit.lamp.w, 1e-6);
    let fade = select(1.0, 1.0 / (1.0 + far * far), lit.lamp.w > 0.0);
    let light = lit.ambient.rgb + lit.color.rgb * max(dot(normal, normalize(to_lamp)), 0.0) * fade;
    var shown = vec4(base.rgb * light, base.a);
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
