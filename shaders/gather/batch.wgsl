// A batch from a dataset that lies on the device: images as floats, changed at random,
// and their targets.
//
//   dispatch.x  images of the batch
//
// images         [., SIDE, SIDE] bytes, four to a word, the first in the lowest bits
// labels         [.]
// order          [.] indices of images; the batch takes those from selection.first on
// target_values  [PIXELS + 1]: the target of a class that owns so many parts in PIXELS of a picture
// selection      one Selection, new for every batch
// batch_images   [dispatch.x, SIDE, SIDE]
// batch_targets  [dispatch.x, CLASSES]
//
// A picture is made of bytes until it is stored, and all choices are made in integers, by hashes of
// the image's index and of the key: src/ops/gather/cpu.rs and random.rs give the same, bit for bit.

struct Selection {
    first: u32,
    len: u32,
    key: vec2<u32>,
    // The fields of `Augment`; a flag is 0 or 1.
    flip: u32,
    shift: u32,
    erase: u32,
    erase_side: u32,
    cutmix: u32,
    mixup: u32,
    // A byte becomes (byte - offset) * factor.
    offset: i32,
    factor: f32,
}

const SIDE: u32 = {{ side }};
const CLASSES: u32 = {{ classes }};
const INVOCATIONS: u32 = {{ invocations }};

const PIXELS: u32 = SIDE * SIDE;
// Of an image's row, and of an image.
const ROW_WORDS: u32 = SIDE / 4;
const WORDS: u32 = SIDE * ROW_WORDS;

// What a random word is for.
const POSE: u32 = {{ pose }};
const ERASE: u32 = {{ erase }};
const MIX: u32 = {{ mix }};
const CUT: u32 = {{ cut }};

@group(0) @binding(0) var<storage, read_write> images: array<u32>;
@group(0) @binding(1) var<storage, read_write> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
@group(0) @binding(3) var<storage, read_write> target_values: array<f32>;
@group(0) @binding(4) var<storage, read_write> selection: Selection;
@group(0) @binding(5) var<storage, read_write> batch_images: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> batch_targets: array<f32>;

// Random words for an image, from what all choices of the epoch depend on and what they are for.
fn words(image: u32, purpose: u32) -> vec4<u32> {
    return pcg4d(vec4<u32>(selection.key, image, purpose));
}

// A number below n <= 2^16 from the upper half of a random word.
fn below(word: u32, n: u32) -> u32 {
    return ((word >> 16u) * n) >> 16u;
}

// Columns and rows from low up to, and without, high.
struct Rectangle {
    low: vec2<u32>,
    high: vec2<u32>,
}

// Which of the four pixels from a position on lie in it.
fn inside(rectangle: Rectangle, position: vec2<u32>) -> vec4<bool> {
    let columns = position.x + vec4<u32>(0u, 1u, 2u, 3u);
    let row = position.y >= rectangle.low.y && position.y < rectangle.high.y;
    let column = (columns >= vec4<u32>(rectangle.low.x)) & (columns < vec4<u32>(rectangle.high.x));
    return column & vec4<bool>(row);
}

// How an image is changed by itself.
struct Pose {
    flip: bool,
    shift: vec2<i32>,
    erased: Rectangle,
}

fn pose_of(image: u32) -> Pose {
    let random = words(image, POSE);
    let range = 2u * selection.shift + 1u;
    var pose = Pose();
    pose.flip = selection.flip == 1u && below(random.x, 2u) == 1u;
    pose.shift = vec2<i32>(i32(below(random.y, range)), i32(below(random.z, range))) - i32(selection.shift);
    if (below(random.w, 100u) < selection.erase) {
        let random = words(image, ERASE);
        let size = vec2<u32>(
            1u + below(random.x, selection.erase_side),
            1u + below(random.y, selection.erase_side),
        );
        pose.erased.low = vec2<u32>(
            below(random.z, SIDE - size.x + 1u),
            below(random.w, SIDE - size.y + 1u),
        );
        pose.erased.high = pose.erased.low + size;
    }
    return pose;
}

// Four pixels side by side in a row of an image, from any column on; outside it is background.
fn four_bytes(image: u32, row: i32, column: i32) -> vec4<u32> {
    var pair = vec2<u32>();
    if (row >= 0 && row < i32(SIDE)) {
        // A word lies in the row as a whole or not at all.
        let first = image * WORDS + u32(row) * ROW_WORDS;
        let word = column >> 2u;
        if (word >= 0 && word < i32(ROW_WORDS)) {
            pair.x = images[first + u32(word)];
        }
        if (word >= -1 && word < i32(ROW_WORDS) - 1) {
            pair.y = images[first + u32(word + 1)];
        }
    }
    let bits = 8u * (u32(column) & 3u);
    let bytes = select((pair.x >> bits) | (pair.y << (32u - bits)), pair.x, bits == 0u);
    return (vec4<u32>(bytes) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
}

// Four pixels of an image in its pose, from a position on whose column is a multiple of four.
fn pixels_at(image: u32, pose: Pose, position: vec2<u32>) -> vec4<u32> {
    let source = vec2<i32>(position) - pose.shift;
    var pixels: vec4<u32>;
    if (pose.flip) {
        pixels = four_bytes(image, source.y, i32(SIDE) - 4 - source.x).wzyx;
    } else {
        pixels = four_bytes(image, source.y, source.x);
    }
    return select(pixels, vec4<u32>(), inside(pose.erased, position));
}

// How an image is mixed with another.
struct Mix {
    // Where the other shows.
    cut: Rectangle,
    // Of a weighted picture, how many parts in PIXELS are the image's own; else PIXELS.
    blend: u32,
    // How many parts in PIXELS of the result are the image's own.
    parts: u32,
    // The other's row is so many further on, where the first follows the last.
    distance: u32,
}

fn mix_of(image: u32) -> Mix {
    let random = words(image, MIX);
    let kind = below(random.x, 100u);
    var mix = Mix();
    mix.blend = PIXELS;
    mix.parts = PIXELS;
    mix.distance = 1u + below(random.y, selection.len - 1u);
    if (kind < selection.cutmix) {
        // The greater of two uniform sides: its square is uniform.
        let size = 1u + max(below(random.z, SIDE), below(random.w, SIDE));
        let random = words(image, CUT);
        let center = vec2<u32>(below(random.x, SIDE), below(random.y, SIDE));
        let before = vec2<u32>(size / 2u);
        mix.cut.low = max(center, before) - before;
        mix.cut.high = min(center + size - before, vec2<u32>(SIDE));
        let cut = mix.cut.high - mix.cut.low;
        mix.parts -= cut.x * cut.y;
    } else if (kind < selection.cutmix + selection.mixup) {
        mix.blend = below(random.z, PIXELS + 1u);
        mix.parts = mix.blend;
    }
    return mix;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = workgroup.x;
    let image = order[selection.first + row];
    let mix = mix_of(image);
    let partner = order[selection.first + (row + mix.distance) % selection.len];
    let pose = pose_of(image);
    let partner_pose = pose_of(partner);

    for (var word = local; word < WORDS; word += INVOCATIONS) {
        let position = vec2<u32>(4u * (word % ROW_WORDS), word / ROW_WORDS);
        var pixels = pixels_at(image, pose, position);
        if (mix.parts < PIXELS) {
            let others = pixels_at(partner, partner_pose, position);
            // To the nearest.
            pixels = (mix.blend * pixels + (PIXELS - mix.blend) * others + PIXELS / 2u) / PIXELS;
            pixels = select(pixels, others, inside(mix.cut, position));
        }
        let centered = vec4<i32>(pixels) - selection.offset;
        batch_images[row * WORDS + word] = vec4<f32>(centered) * selection.factor;
    }

    if (local < CLASSES) {
        let own = select(0u, mix.parts, local == labels[image]);
        let others = select(0u, PIXELS - mix.parts, local == labels[partner]);
        batch_targets[row * CLASSES + local] = target_values[own + others];
    }
}
