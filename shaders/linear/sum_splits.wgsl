// A matrix product from those of its splits, then ReLU where RELU says so.
//
// Needs reduce/sum_partials.wgsl, which sums them, and a file of lanes/.
//
// partials  [ROWS, LENGTH]: a product in each row
// product   [LENGTH]

const RELU: bool = bool({{ relu }});

@group(0) @binding(1) var<storage, read_write> product: array<Element>;

fn store(element: u32, sum: Element) {
    var value = sum;
    // `max` may turn NaN into 0.
    if (RELU) {
        value = select(sum, Element(0.0), sum <= Element(0.0));
    }
    product[element] = value;
}
