// A batch from a dataset that lies on the device: images as floats, changed at random,
// and their targets.
//
//   dispatch.x  images of the batch
//
// images         [., CHANNELS, HEIGHT, WIDTH] bytes, four to a word, the first in the lowest bits: all of the
//                dataset by their indices, or those of a part of the order by their positions in it
// labels         [.]
// order          [.] indices of images; the batch takes those from selection.first on
// target_values  [PIXELS + 1]: the target of a class that owns so many parts in PIXELS of a picture
// selection      one Selection, new for every batch
// batch_images   [dispatch.x, CHANNELS, HEIGHT, WIDTH]
// batch_targets  [dispatch.x, CLASSES]
//
// A picture is made of bytes until it is stored, and all choices are made in integers, by hashes of
// the image's index and of the key: src/ops/gather/cpu.rs and random.rs give the same, bit for bit.
// Needs random/pcg4d.wgsl.

struct Selection {
    first: u32,
    len: u32,
    key_x: u32,
    key_y: u32,
    // The fields of `Augment`; a flag is 0 or 1.
    crop: u32,
    flip: u32,
    shift: u32,
    erase: u32,
    erase_side: u32,
    cutmix: u32,
    mixup: u32,
    color: u32,
    // A byte of a channel becomes (byte - offset) * factor.
    offsets: array<i32, 3>,
    factors: array<f32, 3>,
    // Of the bytes of each channel over the training images.
    means: array<i32, 3>,
    // Whether only the images of a part of the order are there, by position from the first one on.
    is_part: u32,
    first_of_part: u32,
}

const CHANNELS: u32 = {{ channels }};
const HEIGHT: u32 = {{ height }};
const WIDTH: u32 = {{ width }};
const CLASSES: u32 = {{ classes }};
const INVOCATIONS: u32 = {{ invocations }};

const PIXELS: u32 = HEIGHT * WIDTH;
// Columns and rows of an image.
fn image_size() -> vec2<u32> {
    return vec2<u32>(WIDTH, HEIGHT);
}
// A row is made in groups of four pixels, of which the last may stand out.
const ROW_GROUPS: u32 = (WIDTH + 3u) / 4u;
const GROUPS: u32 = CHANNELS * HEIGHT * ROW_GROUPS;

// What a random word is for.
const POSE: u32 = {{ pose }};
const ERASE: u32 = {{ erase }};
const MIX: u32 = {{ mix }};
const CUT: u32 = {{ cut }};
const COLOR: u32 = {{ color }};
const CROP: u32 = {{ crop }};

@group(0) @binding(0) var<storage, read_write> images: array<u32>;
@group(0) @binding(1) var<storage, read_write> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
@group(0) @binding(3) var<storage, read_write> target_values: array<f32>;
@group(0) @binding(4) var<storage, read_write> selection: Selection;
@group(0) @binding(5) var<storage, read_write> batch_images: array<f32>;
@group(0) @binding(6) var<storage, read_write> batch_targets: array<f32>;

// Random words for an image, from what all choices of the epoch depend on and what they are for.
fn words(image: u32, purpose: u32) -> vec4<u32> {
    return pcg4d(vec4<u32>(selection.key_x, selection.key_y, image, purpose));
}

// A number below n <= 2^16 + 1 from the upper half of a random word.
fn below(word: u32, n: u32) -> u32 {
    return ((word >> 16u) * n) >> 16u;
}

// A column and a row, each from its word.
fn below_size(words: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(below(words.x, WIDTH), below(words.y, HEIGHT));
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
    // The columns and rows that are seen: the first, and how many, in 256ths of a pixel.
    seen_first: vec2<u32>,
    seen: vec2<u32>,
    flip: bool,
    shift: vec2<i32>,
    erased: Rectangle,
    // Of differences from a channel's mean, and of all values of each channel, in 256ths.
    contrast: i32,
    gains: vec4<i32>,
}

// A factor that is uniform around 1, in 256ths.
fn factor_around_1(word: u32, most: u32) -> u32 {
    return 256u - most + below(word, 2u * most + 1u);
}

fn pose_of(image: u32) -> Pose {
    let random = words(image, POSE);
    let range = 2u * selection.shift + 1u;
    var pose = Pose();
    if (selection.crop > 0u) {
        let random = words(image, CROP);
        let all = 256u * image_size();
        let most = all * selection.crop / 100u;
        pose.seen = all - vec2<u32>(below(random.x, most.x + 1u), below(random.y, most.y + 1u));
        let rest = all - pose.seen;
        pose.seen_first = vec2<u32>(below(random.z, rest.x + 1u), below(random.w, rest.y + 1u));
    }
    pose.flip = selection.flip == 1u && below(random.x, 2u) == 1u;
    pose.shift = vec2<i32>(i32(below(random.y, range)), i32(below(random.z, range))) - i32(selection.shift);
    if (below(random.w, 100u) < selection.erase) {
        let random = words(image, ERASE);
        let size = vec2<u32>(
            1u + below(random.x, selection.erase_side),
            1u + below(random.y, selection.erase_side),
        );
        pose.erased.low = vec2<u32>(
            below(random.z, WIDTH - size.x + 1u),
            below(random.w, HEIGHT - size.y + 1u),
        );
        pose.erased.high = pose.erased.low + size;
    }
    if (selection.color > 0u) {
        let random = words(image, COLOR);
        let most = 256u * selection.color / 100u;
        let brightness = factor_around_1(random.y, most);
        var tints = vec4<u32>(256u);
        if (CHANNELS == 3u) {
            tints.x = factor_around_1(random.z, most / 2u);
            tints.z = factor_around_1(random.w, most / 2u);
        }
        pose.contrast = i32(factor_around_1(random.x, most));
        pose.gains = vec4<i32>((brightness * tints + 128u) >> vec4<u32>(8u));
    }
    return pose;
}

// Bytes of a channel in the colours of a pose, to the nearest.
fn recolored(bytes: vec4<u32>, pose: Pose, channel: u32) -> vec4<u32> {
    if (selection.color == 0u) {
        return bytes;
    }
    let gain = pose.gains[channel];
    let offset = gain * (256 - pose.contrast) * selection.means[channel] + 32768;
    let values = (gain * pose.contrast * vec4<i32>(bytes) + offset) / 65536;
    let above = select(values, vec4<i32>(255), values > vec4<i32>(255));
    return vec4<u32>(select(above, vec4<i32>(0), values < vec4<i32>(0)));
}

// A byte of the images.
fn byte_at(index: u32) -> u32 {
    return (images[index >> 2u] >> (8u * (index & 3u))) & 255u;
}

// Where the middle of a pixel of a cropped image lies in the whole one, in 256ths.
fn place_in_whole(pose: Pose, pixel: vec2<u32>) -> vec2<u32> {
    let middle = pose.seen_first + (2u * pixel + 1u) * pose.seen / (2u * image_size());
    return min(max(middle, vec2<u32>(128u)) - 128u, 256u * (image_size() - 1u));
}

// A pixel of a cropped channel: between four of the whole one, to the nearest.
fn cropped_byte(plane: u32, pose: Pose, pixel: vec2<u32>) -> u32 {
    let place = place_in_whole(pose, pixel);
    let low = place >> vec2<u32>(8u);
    let high = min(low + 1u, image_size() - 1u);
    let part = place & vec2<u32>(255u);
    let rows = (plane * HEIGHT + vec2<u32>(low.y, high.y)) * WIDTH;
    let left = vec2<u32>(byte_at(rows.x + low.x), byte_at(rows.y + low.x));
    let right = vec2<u32>(byte_at(rows.x + high.x), byte_at(rows.y + high.x));
    let across = (256u - part.x) * left + part.x * right;
    return ((256u - part.y) * across.x + part.y * across.y + 32768u) >> 16u;
}

// Four pixels side by side in a row of a channel, from any column on, in the colours of a pose; outside
// it is background. `plane` counts the channels of all images.
fn four_bytes(plane: u32, pose: Pose, row: i32, column: i32) -> vec4<u32> {
    if (row < 0 || row >= i32(HEIGHT)) {
        return vec4<u32>();
    }
    // The words at the ends of a row hold others' pixels too.
    let columns = vec4<i32>(column) + vec4<i32>(0, 1, 2, 3);
    let is_inside = (columns >= vec4<i32>(0)) & (columns < vec4<i32>(i32(WIDTH)));
    if (selection.crop > 0u) {
        var bytes: vec4<u32>;
        for (var i = 0u; i < 4u; i++) {
            if (is_inside[i]) {
                bytes[i] = cropped_byte(plane, pose, vec2<u32>(u32(column + i32(i)), u32(row)));
            }
        }
        return select(vec4<u32>(), recolored(bytes, pose, plane % CHANNELS), is_inside);
    }
    // The row begins within a word; columns, and words, are counted from that word's first byte on.
    let start = (plane * HEIGHT + u32(row)) * WIDTH;
    let begin = i32(start & 3u);
    let first = column + begin;
    let word = first >> 2u;
    let row_words = (begin + i32(WIDTH) + 3) >> 2u;
    var pair = vec2<u32>();
    if (word >= 0 && word < row_words) {
        pair.x = images[(start >> 2u) + u32(word)];
    }
    if (word >= -1 && word < row_words - 1) {
        pair.y = images[(start >> 2u) + u32(word + 1)];
    }
    let bits = 8u * (u32(first) & 3u);
    let four = select((pair.x >> bits) | (pair.y << (32u - bits)), pair.x, bits == 0u);
    let bytes = (vec4<u32>(four) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    return select(vec4<u32>(), recolored(bytes, pose, plane % CHANNELS), is_inside);
}

// Where the image of a position of the order lies among the images.
fn place_of(position: u32) -> u32 {
    return select(order[position], position - selection.first_of_part, selection.is_part == 1u);
}

// Four pixels of a channel of an image in its pose, from a position on.
fn pixels_at(plane: u32, pose: Pose, position: vec2<u32>) -> vec4<u32> {
    let source = vec2<i32>(position) - pose.shift;
    var pixels: vec4<u32>;
    if (pose.flip) {
        pixels = four_bytes(plane, pose, source.y, i32(WIDTH) - 4 - source.x).wzyx;
    } else {
        pixels = four_bytes(plane, pose, source.y, source.x);
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
        // The greater of two uniform sides: their product's share of the image is uniform.
        let sides = below_size(vec2<u32>(random.z, random.z));
        let size = vec2<u32>(1u) + max(sides, below_size(vec2<u32>(random.w, random.w)));
        let place = words(image, CUT);
        let center = below_size(vec2<u32>(place.x, place.y));
        let before = size / 2u;
        mix.cut.low = max(center, before) - before;
        mix.cut.high = min(center + size - before, image_size());
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
    let partner_row = (row + mix.distance) % selection.len;
    let partner = order[selection.first + partner_row];
    let place = place_of(selection.first + row);
    let partner_place = place_of(selection.first + partner_row);
    let pose = pose_of(image);
    let partner_pose = pose_of(partner);

    for (var group = local; group < GROUPS; group += INVOCATIONS) {
        let line = group / ROW_GROUPS;
        let channel = line / HEIGHT;
        let position = vec2<u32>(4u * (group % ROW_GROUPS), line % HEIGHT);
        var pixels = pixels_at(place * CHANNELS + channel, pose, position);
        if (mix.parts < PIXELS) {
            let others = pixels_at(partner_place * CHANNELS + channel, partner_pose, position);
            // To the nearest.
            pixels = (mix.blend * pixels + (PIXELS - mix.blend) * others + PIXELS / 2u) / PIXELS;
            pixels = select(pixels, others, inside(mix.cut, position));
        }
        let values = vec4<f32>(vec4<i32>(pixels) - selection.offsets[channel]) * selection.factors[channel];
        let first = (row * CHANNELS * HEIGHT + line) * WIDTH + position.x;
        for (var i = 0u; i < min(4u, WIDTH - position.x); i++) {
            batch_images[first + i] = values[i];
        }
    }

    for (var label = local; label < CLASSES; label += INVOCATIONS) {
        let own = select(0u, mix.parts, label == labels[image]);
        let others = select(0u, PIXELS - mix.parts, label == labels[partner]);
        batch_targets[row * CLASSES + label] = target_values[own + others];
    }
}
