"""The network: mResUNet, its training, and a trained model on disk. Only here is TensorFlow imported."""
