// SPDX-License-Identifier: MIT OR Apache-2.0
//! A game's folder: files into its assets, taken back, and what its dgx-pixels.json wishes for.

use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use crate::{Cancel, Result, c_int, c_path, c_text, document, params, sys};

/// Why a running game gave no answer.
#[derive(Debug, Clone)]
pub enum NoAnswer {
    /// Nobody listens there.
    Nobody,
    /// Something else went wrong.
    Failed(String),
}

/// How a running game is asked: the text is POSTed to it as JSON, within 3 s.
pub type Ask<'a> = Box<dyn FnMut(&str) -> std::result::Result<String, NoAnswer> + 'a>;

struct Asked<'a, 'b> {
    ask: &'b mut Ask<'a>,
    kept: String,
    reason: CString,
    panic: Option<Box<dyn std::any::Any + Send>>,
}

/// # Safety
/// `user_data` is an `Asked` that nobody else uses; the rest is the library's.
unsafe extern "C" fn call_game(
    request: *const c_char,
    answer: *mut sys::dgxp_game_answer,
    user_data: *mut c_void,
) {
    // SAFETY: the caller's promise.
    let (request, answer, asked) =
        unsafe { (crate::text(request), &mut *answer, &mut *user_data.cast::<Asked>()) };
    match catch_unwind(AssertUnwindSafe(|| (asked.ask)(&request))) {
        Ok(Ok(text)) => {
            asked.kept = text;
            answer.text = asked.kept.as_ptr().cast();
            answer.size = asked.kept.len();
        }
        Ok(Err(NoAnswer::Nobody)) => answer.nobody = 1,
        Ok(Err(NoAnswer::Failed(reason))) => {
            asked.reason = CString::new(reason.replace('\0', " ")).unwrap_or_default();
            answer.reason = asked.reason.as_ptr();
        }
        Err(panic) => {
            asked.panic = Some(panic); // must not cross C; goes on when the library has returned
            answer.nobody = 1;
        }
    }
}

/// Call with the game that `ask` reaches, or with NULL.
fn with_game(
    ask: Option<&mut Ask>,
    cancel: Option<&Cancel>,
    call: impl FnOnce(*const sys::dgxp_game) -> Result<String>,
) -> Result<String> {
    let Some(ask) = ask else { return call(std::ptr::null()) };
    let mut asked = Asked { ask, kept: String::new(), reason: CString::default(), panic: None };
    let mut game = params!(dgxp_game);
    game.ask = Some(call_game);
    game.user_data = (&raw mut asked).cast();
    game.cancel = cancel.map_or(std::ptr::null(), |cancel| cancel.raw().cast_const());
    let result = call(&game);
    if let Some(panic) = asked.panic {
        resume_unwind(panic);
    }
    result
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
}

/// Files into a Bevy project's assets, all or none.
#[derive(Default)]
pub struct Deploy<'a> {
    /// The game's folder; none: from the working folder upwards.
    pub project: Option<&'a Path>,
    /// A folder inside `assets/`, or of one file its new name.
    pub to: Option<&'a str>,
    /// Replace files that were not deployed by us.
    pub force: bool,
    /// Say what would happen.
    pub dry_run: bool,
    /// The size of a tile set's tiles, pixels; 0 = no tile set.
    pub tile: (u32, u32),
    /// A tile set becomes an array texture, for Bevy's TilemapChunk.
    pub array: bool,
    /// Ask the running game whether it has the new pixels.
    pub ask: Option<Ask<'a>>,
}

impl Deploy<'_> {
    /// Deploy files from the disk; what happened as JSON (`dgxp_deploy()` in the header).
    pub fn files(self, paths: &[&Path]) -> Result<String> {
        let files: Vec<_> = paths.iter().map(|path| (*path, None)).collect();
        self.run(&files)
    }

    /// Deploy bytes that get the name beside them.
    pub fn bytes(self, files: &[(&Path, &[u8])]) -> Result<String> {
        let files: Vec<_> = files.iter().map(|(path, bytes)| (*path, Some(*bytes))).collect();
        self.run(&files)
    }

    fn run(mut self, files: &[(&Path, Option<&[u8]>)]) -> Result<String> {
        let names = files.iter().map(|(path, _)| c_path(path)).collect::<Result<Vec<_>>>()?;
        let rows: Vec<_> = files
            .iter()
            .zip(&names)
            .map(|((_, bytes), name)| sys::dgxp_deploy_file {
                path: name.as_ptr(),
                bytes: bytes.map_or(std::ptr::null(), |bytes| bytes.as_ptr().cast()),
                size: bytes.map_or(0, <[u8]>::len),
            })
            .collect();
        let project = self.project.map(c_path).transpose()?;
        let to = self.to.map(c_text).transpose()?;
        let count = c_int(rows.len().try_into().unwrap_or(u32::MAX))?;
        let mut params = params!(dgxp_deploy_params);
        (params.force, params.dry_run, params.array) =
            (self.force.into(), self.dry_run.into(), self.array.into());
        (params.tile_width, params.tile_height) = (c_int(self.tile.0)?, c_int(self.tile.1)?);
        (params.project, params.to) = (pointer(&project), pointer(&to));
        with_game(self.ask.as_mut(), None, |game| {
            params.game = game;
            // SAFETY: names, bytes, params and the game live during the call.
            document(|out| unsafe { sys::dgxp_deploy(rows.as_ptr(), count, &params, out) })
        })
    }
}

/// Take back the last deployment; again: the one before, up to 16.  JSON.
pub fn undo_deploy(project: Option<&Path>, force: bool) -> Result<String> {
    let project = project.map(c_path).transpose()?;
    // SAFETY: a text that lives during the call, here and below.
    document(|out| unsafe { sys::dgxp_deploy_undo(pointer(&project), force.into(), out) })
}

/// Make the wished-for assets of a game's dgx-pixels.json that are missing or whose wish changed.
#[derive(Default)]
pub struct Build<'a> {
    /// The game's folder; none: from the working folder upwards.
    pub project: Option<&'a Path>,
    /// Instead of the project's.
    pub model: Option<&'a Path>,
    /// Make those anew that were edited by hand.
    pub force: bool,
    /// Say what would be made; needs no model.
    pub dry_run: bool,
    /// Stops it within a step.
    pub cancel: Option<&'a Cancel>,
    /// Ask the running game whether it has the new pixels.
    pub ask: Option<Ask<'a>>,
}

impl Build<'_> {
    /// What was made, JSON (`dgxp_build()` in the header).
    pub fn run(mut self) -> Result<String> {
        let project = self.project.map(c_path).transpose()?;
        let model = self.model.map(c_path).transpose()?;
        let mut params = params!(dgxp_build_params);
        (params.force, params.dry_run) = (self.force.into(), self.dry_run.into());
        (params.project, params.model) = (pointer(&project), pointer(&model));
        params.cancel = self.cancel.map_or(std::ptr::null(), |cancel| cancel.raw().cast_const());
        with_game(self.ask.as_mut(), self.cancel, |game| {
            params.game = game;
            // SAFETY: texts, params and the game live during the call.
            document(|out| unsafe { sys::dgxp_build(&params, out) })
        })
    }
}

/// Write a dgx-pixels.json to begin with; one that is there stays.
pub fn init_project(folder: Option<&Path>) -> Result<()> {
    let folder = folder.map(c_path).transpose()?;
    // SAFETY: as above, here and below.
    crate::error::check(unsafe { sys::dgxp_project_init(pointer(&folder)) })
}

/// The same for a Bevy game: crates, hot reload, build.rs, .gitignore; JSON of what changed and what is to do.
pub fn init_bevy(folder: Option<&Path>) -> Result<String> {
    let folder = folder.map(c_path).transpose()?;
    document(|out| unsafe { sys::dgxp_project_init_bevy(pointer(&folder), out) })
}

/// The game's dgx-pixels.json, read and checked; JSON.
pub fn describe_project(folder: Option<&Path>) -> Result<String> {
    let folder = folder.map(c_path).transpose()?;
    document(|out| unsafe { sys::dgxp_project_describe(pointer(&folder), out) })
}

/// Bring what an earlier state left at `path` (a game, any folder, a file; none: the project from here upwards) to
/// today's names and places; `dry_run` only tells what is old.  JSON (`dgxp_upgrade()` in the header).
pub fn upgrade(path: Option<&Path>, dry_run: bool) -> Result<String> {
    let path = path.map(c_path).transpose()?;
    document(|out| unsafe { sys::dgxp_upgrade(pointer(&path), dry_run.into(), out) })
}
