// SPDX-License-Identifier: MIT OR Apache-2.0
//! Painting, with progress and a way to stop.

use std::any::Any;
use std::ffi::c_void;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;
use std::time::Duration;

use crate::{Cancel, ImageRef, Job, Model, Result, c_enum, c_int, handle, params, sys, text};

c_enum!(
    /// What the library is doing.
    Phase {
        /// Another call is using the model.
        #[default]
        Queued = DGXP_PHASE_QUEUED,
        /// The prompt.
        Encode = DGXP_PHASE_ENCODE,
        /// The picture, step by step.
        Denoise = DGXP_PHASE_DENOISE,
        /// From latents to the canvas.
        Decode = DGXP_PHASE_DECODE,
        /// Pixels: grid, matte, palette.
        Finish = DGXP_PHASE_FINISH,
    }
);

/// Where the painting stands.
#[derive(Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// What is being done.
    pub phase: Phase,
    /// Finished steps of this phase.
    pub step: u32,
    /// Of this phase.
    pub step_count: u32,
    /// Since the call began.
    pub elapsed: Duration,
    /// An estimate, when there is one.
    pub remaining: Option<Duration>,
    /// Of the first job, when [`Generate::preview_every`] asked for it and the model can.
    pub preview: Option<&'a ImageRef>,
}

type Hook<'a> = Box<dyn FnMut(&Progress) -> ControlFlow<()> + 'a>;

/// How jobs are painted: progress, a token to stop it, previews.
#[derive(Default)]
pub struct Generate<'a> {
    progress: Option<Hook<'a>>,
    cancel: Option<&'a Cancel>,
    preview_every: u32,
    keep_latents: bool,
}

handle!(
    /// What was painted.
    Painted, dgxp_result, dgxp_result_free
);

/// What the trampoline needs: the closure, and where a panic of it waits until the library has returned.
struct Caller<'a, 'b> {
    hook: &'b mut Hook<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

/// # Safety
/// `user_data` is a `Caller` that nobody else uses, `progress` is the library's.
unsafe extern "C" fn call_hook(progress: *const sys::dgxp_progress, user_data: *mut c_void) -> i32 {
    // SAFETY: the caller's promise; the library calls on the thread that generates.
    let (progress, caller) = unsafe { (&*progress, &mut *user_data.cast::<Caller>()) };
    let seconds = |s: f64| Duration::try_from_secs_f64(s).ok();
    let progress = Progress {
        phase: Phase::from_value(progress.phase.into()).unwrap_or_default(),
        step: progress.step as u32,
        step_count: progress.step_count as u32,
        elapsed: seconds(progress.elapsed).unwrap_or_default(),
        remaining: seconds(progress.remaining),
        // SAFETY: borrowed for the call.
        preview: (!progress.preview.is_null()).then(|| unsafe { ImageRef::borrow(progress.preview) }),
    };
    // A panic must not cross C; it stops the painting and goes on in run().
    match catch_unwind(AssertUnwindSafe(|| (caller.hook)(&progress))) {
        Ok(ControlFlow::Continue(())) => 0,
        Ok(ControlFlow::Break(())) => 1,
        Err(panic) => {
            caller.panic = Some(panic);
            1
        }
    }
}

impl<'a> Generate<'a> {
    /// Without progress, previews or a token.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called on the painting thread, several times a step; `Break` stops it within one step.
    pub fn progress(mut self, hook: impl FnMut(&Progress) -> ControlFlow<()> + 'a) -> Self {
        self.progress = Some(Box::new(hook));
        self
    }

    /// Stop when this is fired, from whatever thread.
    pub fn cancel(mut self, cancel: &'a Cancel) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Steps between previews; 0 = none.
    pub fn preview_every(mut self, steps: u32) -> Self {
        self.preview_every = steps;
        self
    }

    /// Keep what [`Painted::latents`] returns.
    pub fn keep_latents(mut self) -> Self {
        self.keep_latents = true;
        self
    }

    /// Paint 1..64 jobs of one canvas, step count and sampler as one batch.  A stopped call is an error
    /// of status [`Cancelled`](crate::Status::Cancelled); the model works as before.
    pub fn run(mut self, model: &Model, jobs: &[&Job]) -> Result<Painted> {
        let raw: Vec<_> = jobs.iter().map(|job| job.raw().cast_const()).collect();
        let count = c_int(raw.len().try_into().unwrap_or(u32::MAX))?;
        let mut caller = self.progress.as_mut().map(|hook| Caller { hook, panic: None });
        let mut params = params!(dgxp_generate_params);
        params.preview_every = c_int(self.preview_every)?;
        params.keep_latents = self.keep_latents.into();
        params.cancel = self.cancel.map_or(std::ptr::null(), |cancel| cancel.raw());
        if let Some(caller) = &mut caller {
            params.progress = Some(call_hook);
            params.user_data = (caller as *mut Caller).cast();
        }
        // SAFETY: handles, params and the caller live until the call returns.
        let result = Painted::create(|out| unsafe {
            sys::dgxp_generate(model.raw(), raw.as_ptr(), count, &params, out)
        });
        if let Some(panic) = caller.and_then(|caller| caller.panic) {
            resume_unwind(panic);
        }
        result
    }
}

impl Painted {
    /// How many pictures, one a job.
    pub fn len(&self) -> usize {
        // SAFETY: a live handle, here and below.
        unsafe { sys::dgxp_result_count(self.raw()) as usize }
    }

    /// Never: a painting has a picture at least.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn index(&self, index: usize) -> i32 {
        assert!(index < self.len(), "picture {index} of {}", self.len());
        index as i32
    }

    /// The finished sprite of a job.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len), here and below.
    pub fn sprite(&self, index: usize) -> &ImageRef {
        unsafe { ImageRef::borrow(sys::dgxp_result_image(self.raw(), self.index(index))) }
    }

    /// What the model painted, before any pixel step.
    pub fn canvas(&self, index: usize) -> &ImageRef {
        unsafe { ImageRef::borrow(sys::dgxp_result_canvas(self.raw(), self.index(index))) }
    }

    /// Everything that is needed to paint it again, JSON.
    pub fn recipe(&self, index: usize) -> String {
        unsafe { text(sys::dgxp_result_recipe(self.raw(), self.index(index))) }
    }

    /// The final latents and their shape `[channels, height, width]`, when they were kept.
    pub fn latents(&self, index: usize) -> Option<(&[f32], [usize; 3])> {
        let mut shape = [0i32; 3];
        let data = unsafe { sys::dgxp_result_latents(self.raw(), self.index(index), shape.as_mut_ptr()) };
        let shape = shape.map(|side| side as usize);
        (!data.is_null()).then(|| (unsafe { slice::from_raw_parts(data, shape.iter().product()) }, shape))
    }
}
