// SPDX-License-Identifier: MIT OR Apache-2.0
//! A list of wishes painted into one folder, by any number of processes, each picture exactly once.

use std::any::Any;
use std::ffi::c_void;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use crate::{Cancel, Model, Result, c_int, c_path, c_text, document, handle, params, sys, text};

handle!(
    /// A list that was read and checked.  It is painted once.
    Batch, dgxp_batch, dgxp_batch_free
);

/// What a batch is made of; `dgxp_batch_params` in the header says more.
#[derive(Debug, Default, Clone)]
pub struct BatchOptions<'a> {
    /// Pictures painted at once at most, 1..64; 0 = 1.
    pub batch: u32,
    /// Threads that take turns painting and writing, 1..16; 0 = 2.
    pub threads: u32,
    /// This process's share `(1..shards, shards)`; `(0, 0)` = whatever nobody has taken.
    pub shard: (u32, u32),
    /// Enlargement of the files, 1..64; 0 = 1.
    pub scale: u32,
    /// Go on where the folder's journals end.
    pub resume: bool,
    /// Take the hash of every finished file, else look at its size.
    pub verify: bool,
    /// A line that fails is journalled and the others go on.
    pub continue_on_error: bool,
    /// Also contact.png when all is done.
    pub contact: bool,
    /// Touch no folder; for [`Batch::describe`] and [`Batch::check`] only.
    pub dry_run: bool,
    /// Lines derive their seeds from this, not from what they say alone.
    pub seed: Option<u64>,
    /// What the model is called; a batch goes on with the same only.
    pub model: Option<&'a str>,
    /// A request that every line refines, JSON.
    pub defaults: Option<&'a str>,
    /// The folder of `__name__` files; none: `wildcards` beside the list.
    pub wildcards: Option<&'a Path>,
    /// `steps=8,20`: every line once for each combination.
    pub matrix: &'a [&'a str],
}

/// How far a batch is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BatchProgress<'a> {
    /// Of the whole batch.
    pub pictures: u32,
    /// Those that were there already, and ours so far.
    pub finished: u32,
    /// Lines that failed.
    pub failed: u32,
    /// The line of the picture that was just finished or failed.
    pub line: Option<u64>,
    /// Its file's name.
    pub name: &'a str,
    /// Why it failed; empty when it did not.
    pub error: &'a str,
}

type Hook<'a> = &'a mut (dyn FnMut(&BatchProgress) -> ControlFlow<()> + Send);

struct Caller<'a> {
    hook: Hook<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

/// # Safety
/// `user_data` is a `Caller`; the library calls from any of its threads, one at a time.
unsafe extern "C" fn call_hook(progress: *const sys::dgxp_batch_progress, user_data: *mut c_void) -> i32 {
    // SAFETY: the caller's promise; texts live during the call.
    let (progress, caller) = unsafe { (&*progress, &mut *user_data.cast::<Caller>()) };
    let (name, error) = unsafe { (text(progress.name), text(progress.error)) };
    let told = BatchProgress {
        pictures: progress.pictures as u32,
        finished: progress.finished as u32,
        failed: progress.failed as u32,
        line: u64::try_from(progress.line).ok().filter(|line| *line > 0),
        name: &name,
        error: &error,
    };
    // A panic must not cross C; it stops the batch and goes on in run().
    match catch_unwind(AssertUnwindSafe(|| (caller.hook)(&told))) {
        Ok(ControlFlow::Continue(())) => 0,
        Ok(ControlFlow::Break(())) => 1,
        Err(panic) => {
            caller.panic = Some(panic);
            1
        }
    }
}

impl Batch {
    /// Read a list (text, JSON lines, CSV), check every line, enter the folder; needs no model.
    pub fn open(list: impl AsRef<Path>, output: impl AsRef<Path>, options: &BatchOptions) -> Result<Self> {
        let (list, output) = (c_path(list.as_ref())?, c_path(output.as_ref())?);
        let model = options.model.map(c_text).transpose()?;
        let defaults = options.defaults.map(c_text).transpose()?;
        let wildcards = options.wildcards.map(c_path).transpose()?;
        let axes = options.matrix.iter().map(|axis| c_text(axis)).collect::<Result<Vec<_>>>()?;
        let axes: Vec<_> = axes.iter().map(|axis| axis.as_ptr()).collect();
        let mut params = params!(dgxp_batch_params);
        (params.batch, params.threads) = (c_int(options.batch)?, c_int(options.threads)?);
        (params.shard, params.shards) = (c_int(options.shard.0)?, c_int(options.shard.1)?);
        params.scale = c_int(options.scale)?;
        (params.resume, params.verify) = (options.resume.into(), options.verify.into());
        (params.continue_on_error, params.contact) =
            (options.continue_on_error.into(), options.contact.into());
        params.dry_run = options.dry_run.into();
        (params.has_seed, params.seed) = (options.seed.is_some().into(), options.seed.unwrap_or(0));
        (params.manifest, params.output) = (list.as_ptr(), output.as_ptr());
        let pointer =
            |text: &Option<std::ffi::CString>| text.as_ref().map_or(std::ptr::null(), |t| t.as_ptr());
        (params.model, params.defaults) = (pointer(&model), pointer(&defaults));
        params.wildcards = pointer(&wildcards);
        (params.matrix, params.matrix_count) =
            (axes.as_ptr(), c_int(axes.len().try_into().unwrap_or(u32::MAX))?);
        // SAFETY: texts and the table live during the call, here and below.
        Self::create(|out| unsafe { sys::dgxp_batch_open(&params, out) })
    }

    /// How many pictures were not finished when it was opened.
    pub fn left(&self) -> u32 {
        unsafe { sys::dgxp_batch_left(self.raw()) as u32 }
    }

    /// Lines, pictures, batches, and `count` wishes from `first` on; JSON.
    pub fn describe(&self, first: u32, count: u32) -> Result<String> {
        let (first, count) = (c_int(first)?, c_int(count)?);
        document(|out| unsafe { sys::dgxp_batch_describe(self.raw(), first, count, out) })
    }

    /// Make and plan every picture's job, paint nothing; without a model sizes and adapters stay unchecked.  JSON.
    pub fn check(&mut self, model: Option<&Model>) -> Result<String> {
        let mut params = params!(dgxp_batch_run_params);
        params.check_only = 1;
        let model = model.map_or(std::ptr::null_mut(), |model| model.raw());
        document(|out| unsafe { sys::dgxp_batch_run(self.raw(), model, &params, out) })
    }

    /// Paint what is left.  `hook` is called from any of the batch's threads, one at a time; `Break` stops it.
    /// The summary as JSON; what finished before a failure stays, and `resume` goes on.
    pub fn run(&mut self, model: &Model, hook: Option<Hook>, cancel: Option<&Cancel>) -> Result<String> {
        let mut caller = hook.map(|hook| Caller { hook, panic: None });
        let mut params = params!(dgxp_batch_run_params);
        params.cancel = cancel.map_or(std::ptr::null(), |cancel| cancel.raw().cast_const());
        if let Some(caller) = &mut caller {
            params.progress = Some(call_hook);
            params.user_data = (&raw mut *caller).cast();
        }
        let result = document(|out| unsafe { sys::dgxp_batch_run(self.raw(), model.raw(), &params, out) });
        if let Some(panic) = caller.and_then(|caller| caller.panic) {
            resume_unwind(panic);
        }
        result
    }
}
