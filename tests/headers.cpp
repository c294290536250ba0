// The source of the target that precompiles what every test includes.
