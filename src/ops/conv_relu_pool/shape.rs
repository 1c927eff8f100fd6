//! The sizes of one call of the block.

/// The sizes of one call of the block, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockShape {
    /// Images in the batch.
    pub batch: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height of the input in pixels.
    pub height: usize,
    /// Width of the input in pixels.
    pub width: usize,
    /// Side of the convolution's kernel: 3 or 5.
    pub kernel: usize,
    /// Side and stride of the pool's windows: 2, or 1 where there is no pool.
    pub pool: usize,
}

impl BlockShape {
    /// The shape of a call with these tensors' dimensions.
    ///
    /// # Panics
    ///
    /// If the dimensions do not fit together, the kernel is neither 3×3 nor 5×5,
    /// the pool neither 2 nor 1, or the image is smaller than one pooling window.
    /// These are mistakes of the program, not of its user.
    pub fn of(input: [usize; 4], weight: [usize; 4], bias: usize, pool: usize) -> Self {
        let [batch, in_channels, height, width] = input;
        let [out_channels, weight_channels, kernel, kernel_width] = weight;
        assert_eq!(
            in_channels, weight_channels,
            "conv_relu_pool: input has {in_channels} channels, weight expects {weight_channels}"
        );
        assert_eq!(
            out_channels, bias,
            "conv_relu_pool: weight makes {out_channels} channels, bias has {bias}"
        );
        assert!(
            kernel == kernel_width && (kernel == 3 || kernel == 5),
            "conv_relu_pool: kernel {kernel}×{kernel_width} is not supported, use 3×3 or 5×5"
        );
        assert!(
            pool == 1 || pool == 2,
            "conv_relu_pool: a pool of {pool}×{pool} is not supported, use 2, or 1 for none"
        );
        assert!(
            height >= pool && width >= pool,
            "conv_relu_pool: an image of {height}×{width} has no window of {pool}×{pool}"
        );
        Self {
            batch,
            in_channels,
            out_channels,
            height,
            width,
            kernel,
            pool,
        }
    }

    /// Height of the output.
    pub fn output_height(&self) -> usize {
        self.height / self.pool
    }

    /// Width of the output.
    pub fn output_width(&self) -> usize {
        self.width / self.pool
    }

    /// The blocks of 2×2 convolution outputs that kernels compute together, down and across: with a pool its
    /// windows; without one the last ones may reach beyond the image.
    pub(super) fn blocks(&self) -> [usize; 2] {
        match self.pool {
            1 => [self.height.div_ceil(2), self.width.div_ceil(2)],
            _ => [self.output_height(), self.output_width()],
        }
    }

    /// Zero padding on each side that keeps the convolution at the input's size.
    pub fn padding(&self) -> usize {
        self.kernel / 2
    }

    /// Values of one convolution kernel of one channel.
    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Values of the weight.
    pub(super) fn weights(&self) -> usize {
        self.out_channels * self.in_channels * self.taps()
    }

    /// Dimensions of the input.
    pub fn input_dims(&self) -> [usize; 4] {
        [self.batch, self.in_channels, self.height, self.width]
    }

    /// Dimensions of the weight.
    pub fn weight_dims(&self) -> [usize; 4] {
        [
            self.out_channels,
            self.in_channels,
            self.kernel,
            self.kernel,
        ]
    }

    /// Dimensions of the output.
    pub fn output_dims(&self) -> [usize; 4] {
        [
            self.batch,
            self.out_channels,
            self.output_height(),
            self.output_width(),
        ]
    }
}
