#if canImport(CoreML)
// `import MobileViTKit` is all that an app writes: what it takes and gives is MobileViTCore's. Swift has
// no other way to hand on a module; the underscore says that its spelling may change one day.
@_exported import MobileViTCore
#endif
