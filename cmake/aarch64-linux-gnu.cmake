# Toolchain: 64-bit Arm from a Debian machine of another architecture; programs run under user-mode emulation.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# Static: under qemu-user 7.2 a dynamically linked program never returns from its first pthread_create.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
# Debian's multiarch libraries lie beside the machine's own.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
