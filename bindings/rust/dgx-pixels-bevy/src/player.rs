// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plays the clips of a sheet on a sprite.

use std::time::Duration;

use bevy::prelude::*;
use bevy::sprite::Anchor;

use crate::{Clip, SpriteSheet};

/// Which point of the frame stands at the entity's place.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Reflect)]
pub enum ClipOrigin {
    /// The middle of the whole frame, however frames are trimmed.
    #[default]
    Center,
    /// The sheet's pivot (its feet, mostly); the middle when it has none.
    Pivot,
}

/// Plays a clip: give it to an entity and it gets its [`Sprite`].
///
/// ```
/// # use bevy::prelude::*;
/// # use dgx_pixels_bevy::ClipPlayer;
/// fn setup(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn((ClipPlayer::new(assets.load("sprites/hero.json"), "walk"), Transform::default()));
/// }
/// fn jump(mut players: Query<&mut ClipPlayer>) {
///     for mut player in &mut players {
///         player.play("jump");
///     }
/// }
/// ```
///
/// Beside a [`Mesh2d`] with a material of `MaterialsPlugin` (feature `materials`)
/// it moves the material's region instead, and the entity loses its [`Sprite`].
///
/// A sheet that changes on disk goes on at the same step.  A clip that the sheet does not have shows the
/// sheet's first frame, with one warning.
#[derive(Component, Debug, Clone, Reflect)]
#[reflect(Component)]
#[require(Sprite)]
pub struct ClipPlayer {
    /// What it plays from.
    pub sheet: Handle<SpriteSheet>,
    /// 1 = as the sheet says, 2 = twice as fast; at most 0 stands still.
    pub speed: f32,
    /// Stands still while this is set.
    pub paused: bool,
    /// Which point of the frame stands at the entity's place.
    pub origin: ClipOrigin,
    clip: Option<String>,
    step: usize,
    shown_for: Duration,
    finished: bool,
    warned: bool,
    frame: Option<usize>,
}

/// A clip with an end has reached it; its last frame stays.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
pub struct ClipFinished {
    /// The entity with the player.
    pub entity: Entity,
    /// The clip's name; empty when the whole sheet was played.
    pub clip: String,
}

impl ClipPlayer {
    /// Play this clip.
    pub fn new(sheet: Handle<SpriteSheet>, clip: impl Into<String>) -> Self {
        Self { clip: Some(clip.into()), ..Self::whole(sheet) }
    }

    /// Play all frames, for ever.
    pub fn whole(sheet: Handle<SpriteSheet>) -> Self {
        Self {
            sheet,
            speed: 1.0,
            paused: false,
            origin: ClipOrigin::default(),
            clip: None,
            step: 0,
            shown_for: Duration::ZERO,
            finished: false,
            warned: false,
            frame: None,
        }
    }

    /// Change which point stands at the entity's place.
    pub fn with_origin(mut self, origin: ClipOrigin) -> Self {
        self.origin = origin;
        self
    }

    /// Change to another clip, from its start.  The clip that is playing already plays on.
    pub fn play(&mut self, clip: impl Into<String>) {
        let clip = clip.into();
        if self.clip.as_deref() != Some(&*clip) || self.finished {
            self.clip = Some(clip);
            self.restart();
        }
    }

    /// From the start again.
    pub fn restart(&mut self) {
        (self.step, self.shown_for, self.finished, self.warned) = (0, Duration::ZERO, false, false);
    }

    /// The name of the clip, `None` when the whole sheet is played.
    pub fn clip(&self) -> Option<&str> {
        self.clip.as_deref()
    }

    /// The frame (of the sheet) that is shown; `None` until the sheet is there.
    pub fn frame(&self) -> Option<usize> {
        self.frame
    }

    /// A clip with an end has reached it.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn find_clip(&mut self, sheet: &SpriteSheet) -> Clip {
        let all = Clip { last: sheet.frames.len() - 1, ..Clip::default() };
        let Some(name) = &self.clip else { return all };
        sheet.clip(name).cloned().unwrap_or_else(|| {
            if !self.warned {
                let names: Vec<_> = sheet.clips.iter().map(|clip| &*clip.name).collect();
                warn!("the sheet has no clip \"{name}\", only: {}", names.join(", "));
                self.warned = true;
            }
            Clip { last: 0, ..all }
        })
    }

    /// Move on by `delta`; the frame to show, and whether the clip just ended.
    fn advance(&mut self, sheet: &SpriteSheet, delta: Duration) -> (usize, bool) {
        let clip = self.find_clip(sheet);
        // The sheet may have become shorter while it played.
        if clip.frame(self.step).is_none() {
            self.step = clip.steps().map_or(0, |steps| steps - 1);
        }
        let mut frame = clip.frame(self.step).unwrap_or(clip.first);
        if self.paused || self.finished || self.speed <= 0.0 {
            return (frame, false);
        }
        self.shown_for += delta.mul_f32(self.speed);
        // A clip of one frame that plays for ever has nothing to count, and a long pause of the whole
        // program must not be made up for frame by frame.
        let round: Duration = sheet.frames[clip.first..=clip.last].iter().map(|f| f.duration).sum();
        if clip.repeat == 0 && self.shown_for > round * 2 {
            self.shown_for = Duration::ZERO;
        }
        while self.shown_for >= sheet.frames[frame].duration {
            self.shown_for -= sheet.frames[frame].duration;
            match clip.frame(self.step + 1) {
                Some(next) => (self.step, frame) = (self.step + 1, next),
                None => {
                    self.finished = true;
                    return (frame, true);
                }
            }
        }
        (frame, false)
    }
}

/// Who plays, and the sprite that it plays on; none where a material shows the frames.
type Player<'a> = (Entity, &'a mut ClipPlayer, Option<(&'a mut Sprite, &'a mut Anchor)>);

/// The system behind [`ClipPlayer`].
pub(crate) fn advance(
    time: Option<Res<Time>>,
    sheets: Res<Assets<SpriteSheet>>,
    mut players: Query<Player>,
    mut finished: MessageWriter<ClipFinished>,
) {
    let delta = time.map_or(Duration::ZERO, |time| time.delta());
    for (entity, mut player, sprite) in &mut players {
        let Some(sheet) = sheets.get(&player.sheet) else { continue };
        let (index, ended) = player.advance(sheet, delta);
        if ended {
            finished.write(ClipFinished { entity, clip: player.clip.clone().unwrap_or_default() });
        }
        player.frame = Some(index);
        let Some((mut sprite, mut anchor)) = sprite else { continue };
        let frame = &sheet.frames[index];
        let point = match player.origin {
            ClipOrigin::Pivot => sheet.pivot().unwrap_or(frame.size / 2.0),
            ClipOrigin::Center => frame.size / 2.0,
        };
        anchor.set_if_neq(frame.anchor(point, sprite.flip_x, sprite.flip_y));
        let atlas = TextureAtlas { layout: sheet.layout.clone(), index };
        if sprite.image != sheet.image || sprite.texture_atlas.as_ref() != Some(&atlas) {
            sprite.image = sheet.image.clone();
            sprite.texture_atlas = Some(atlas);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Frame};

    fn sheet(durations: &[u64], clips: Vec<Clip>) -> SpriteSheet {
        let frame = |&ms: &u64| Frame {
            name: String::new(),
            duration: Duration::from_millis(ms),
            source: Rect::new(0., 0., 8., 8.),
            size: Vec2::splat(8.),
        };
        SpriteSheet {
            image: Handle::default(),
            layout: Handle::default(),
            frames: durations.iter().map(frame).collect(),
            clips,
            slices: vec![],
        }
    }

    #[test]
    fn frames_are_shown_for_their_durations() {
        let sheet = sheet(&[100, 50, 100], vec![]);
        let mut player = ClipPlayer::whole(Handle::default());
        let shown: Vec<_> = (0..10).map(|_| player.advance(&sheet, Duration::from_millis(25)).0).collect();
        assert_eq!(shown, [0, 0, 0, 1, 1, 2, 2, 2, 2, 0]);
        player.speed = 4.0;
        assert_eq!(player.advance(&sheet, Duration::from_millis(25)).0, 1);
        player.paused = true;
        assert_eq!(player.advance(&sheet, Duration::from_secs(9)).0, 1);
    }

    #[test]
    fn a_clip_with_an_end_ends_once() {
        let jump = Clip { name: "jump".into(), first: 1, last: 2, direction: Direction::Forward, repeat: 1 };
        let sheet = sheet(&[10, 10, 10], vec![jump]);
        let mut player = ClipPlayer::new(Handle::default(), "jump");
        let seen: Vec<_> = (0..4).map(|_| player.advance(&sheet, Duration::from_millis(10))).collect();
        assert_eq!(seen, [(2, false), (2, true), (2, false), (2, false)]);
        assert!(player.is_finished());
        player.play("jump");
        assert_eq!(player.advance(&sheet, Duration::ZERO), (1, false));
    }

    #[test]
    fn a_missing_clip_or_frame_does_no_harm() {
        let mut player = ClipPlayer::new(Handle::default(), "fly");
        assert_eq!(player.advance(&sheet(&[10, 10], vec![]), Duration::from_secs(1)).0, 0);
        let mut player = ClipPlayer::whole(Handle::default());
        player.advance(&sheet(&[10; 9], vec![]), Duration::from_millis(85));
        assert_eq!(player.step, 8);
        assert_eq!(player.advance(&sheet(&[10; 2], vec![]), Duration::ZERO).0, 0);
    }
}
