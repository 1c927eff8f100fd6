// Sums the products of a split matrix product, always in the same order, then takes the ReLU where
// RELU says so.
//
// One workgroup sums ELEMENTS neighbouring elements. One invocation sums every STRIDE-th split of
// one element; the first ELEMENTS invocations then add the STRIDE sums, which are in workgroup
// memory.
//
//   dispatch.x  blocks of ELEMENTS elements
//
// products  [SPLITS, LENGTH]
// sum       [LENGTH]

const SPLITS: u32 = {{ splits }};
const LENGTH: u32 = {{ length }} / LANES;
const RELU: bool = bool({{ relu }});
const ELEMENTS: u32 = {{ elements }};
const STRIDE: u32 = {{ stride }};

@group(0) @binding(0) var<storage, read_write> products: array<Element>;
@group(0) @binding(1) var<storage, read_write> sum: array<Element>;

// [STRIDE][ELEMENTS]
var<workgroup> sums: array<Element, STRIDE * ELEMENTS>;

@compute @workgroup_size(STRIDE * ELEMENTS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = workgroup.x * ELEMENTS + local % ELEMENTS;
    var total = Element();
    if (element < LENGTH) {
        for (var split = local / ELEMENTS; split < SPLITS; split += STRIDE) {
            total += products[split * LENGTH + element];
        }
    }
    sums[local] = total;
    workgroupBarrier();

    if (local >= ELEMENTS || element >= LENGTH) {
        return;
    }
    for (var i = 1u; i < STRIDE; i++) {
        total += sums[i * ELEMENTS + local];
    }
    // `max` may turn NaN into 0.
    if (RELU) {
        total = select(total, Element(), total <= Element());
    }
    sum[element] = total;
}
