// assay: the command line program.
#include "app/cli.h"

int main(int argc, char** argv) { return assay::run_cli(argc, argv, assay::detect_console()); }
