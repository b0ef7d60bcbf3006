// SPDX-License-Identifier: MIT OR Apache-2.0
//! `dgx_pixels/status` and `dgx_pixels/reload`: what `dgx-pixels deploy --confirm` asks a running game.

#[cfg(not(target_arch = "wasm32"))]
use bevy::asset::io::file::FileAssetReader;
use bevy::prelude::*;
use bevy::remote::{BrpError, BrpResult, RemoteMethodSystemId, RemoteMethods, error_codes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{DgxPixelsReloads, LoadPhase, Reload};

/// Which Bevy this crate is for.
const BEVY: &str = "0.19";

/// The folder that this game loads its assets from, so that two games on one machine are not confused.
#[derive(Resource)]
struct AssetsFolder(Option<String>);

#[cfg(not(target_arch = "wasm32"))]
fn find_assets(app: &App) -> Option<String> {
    let plugin = app.get_added_plugins::<AssetPlugin>().into_iter().next()?;
    Some(FileAssetReader::get_base_path().join(&plugin.file_path).to_str()?.into())
}

/// In a browser there is no folder.
#[cfg(target_arch = "wasm32")]
fn find_assets(_: &App) -> Option<String> {
    None
}

pub(crate) fn register(app: &mut App) {
    let folder = AssetsFolder(find_assets(app));
    app.insert_resource(folder);
    let world = app.world_mut();
    let status = world.register_system(status);
    let reload = world.register_system(reload);
    let Some(mut methods) = world.get_resource_mut::<RemoteMethods>() else {
        warn!("dgx_pixels/status and dgx_pixels/reload need RemotePlugin, which this app does not add");
        return;
    };
    methods.insert("dgx_pixels/status", RemoteMethodSystemId::Instant(status));
    methods.insert("dgx_pixels/reload", RemoteMethodSystemId::Instant(reload));
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Params {
    path: Option<String>,
}

fn read_params(params: Option<Value>) -> BrpResult<Params> {
    match params {
        None | Some(Value::Null) => Ok(Params::default()),
        Some(value) => serde_json::from_value(value).map_err(|error| BrpError {
            code: error_codes::INVALID_PARAMS,
            message: format!("params: {error}"),
            data: None,
        }),
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    path: &'a str,
    #[serde(flatten)]
    reload: &'a Reload,
}

fn status(
    In(params): In<Option<Value>>,
    reloads: Res<DgxPixelsReloads>,
    server: Res<AssetServer>,
    folder: Res<AssetsFolder>,
) -> BrpResult {
    let wanted = read_params(params)?.path;
    let mut images: Vec<_> = reloads
        .images
        .iter()
        .filter(|(path, reload)| {
            reload.state != LoadPhase::Dropped && wanted.as_ref().is_none_or(|wanted| *path == wanted)
        })
        .map(|(path, reload)| json!(Entry { path, reload }))
        .collect();
    // Asked for, begun, not ended: nothing was recorded yet.
    if let (true, Some(path)) = (images.is_empty(), &wanted)
        && server.get_handle::<Image>(path).is_some()
    {
        images.push(json!(Entry { path, reload: &Reload::default() }));
    }
    Ok(json!({
        "plugin": env!("CARGO_PKG_VERSION"),
        "bevy": BEVY,
        "watching": server.watching_for_changes(),
        "assets": folder.0,
        "images": images,
    }))
}

fn reload(In(params): In<Option<Value>>, server: Res<AssetServer>) -> BrpResult {
    let path = read_params(params)?.path.ok_or_else(|| BrpError {
        code: error_codes::INVALID_PARAMS,
        message: "params: path is missing: {\"path\": \"sprites/knight.png\"}".into(),
        data: None,
    })?;
    let known = server.get_handle_untyped(&path).is_some();
    if known {
        server.reload(&path);
    }
    Ok(json!({"path": path, "known": known}))
}
