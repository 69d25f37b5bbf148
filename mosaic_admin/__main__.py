from mosaic_admin.cli import main

main()
